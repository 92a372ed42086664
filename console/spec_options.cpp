// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/spec_options.hpp"

#include "config/enum_names.hpp"
#include "config/limits.hpp"
#include "config/parse.hpp"
#include "config/text.hpp"
#include "config/units.hpp"
#include "config/validate.hpp"
#include "console/arguments.hpp"
#include "console/key_value.hpp"

#include <sys/random.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

namespace reeve::console {

namespace {

tl::unexpected<failure> refused(const config::config_error& err,
                                std::string option = {}) {
  auto text = err;
  if (!option.empty())
    text.key.clear(); // the option says it
  return refuse(std::move(option), to_string(text));
}

result<std::string> contents(const std::string& path) {
  auto file = std::ifstream{path, std::ios::binary};
  // A directory can be opened as well, but not read.
  auto err = std::error_code{};
  auto code = !file.is_open()                            ? errno
              : std::filesystem::is_directory(path, err) ? EISDIR
                                                         : 0;
  if (code != 0)
    return refuse("--spec", "cannot read " + config::in_quotes(path) + ": "
                                + std::generic_category().message(code));
  return std::string{std::istreambuf_iterator<char>{file}, {}};
}

result<void> set_limit(config::limits& limits, const char* key,
                       const char* option,
                       const std::optional<std::string>& text) {
  if (!text)
    return {};
  if (auto done = config::set_key(limits, key, *text); !done)
    return refused(done.error(), option);
  return {};
}

/// The part of a validation that a name has to pass.
template <class Spec>
result<void> check_name(const Spec& spec) {
  if (auto done = config::validate(spec); !done)
    return refused(done.error());
  return {};
}

} // namespace

void container_options::declare(CLI::App& app) {
  app.add_option("--image", image, "image to start from")->type_name("IMG");
  app.add_option("--rootfs", rootfs, "directory to use as root")
      ->type_name("DIR");
  app.add_option("--spec", spec_file, "TOML or JSON file with the rest")
      ->type_name("FILE");
  app.add_option("--hostname", hostname, "host name inside")->type_name("H");
  app.add_option("--memory", memory, "limit of memory, as 64M")
      ->type_name("SIZE");
  app.add_option("--cpus", cpus, "limit of processors, as 0.5")->type_name("N");
  app.add_option("--pids", pids, "limit of processes and threads")
      ->type_name("N");
  add_repeatable(app, "--prop", properties, "property of your own, repeatable",
                 "KEY=VALUE");
  app.add_flag("--privileged", privileged,
               "no user namespace, all capabilities");
  app.add_flag("--weak", weak,
               "destroy it when this command ends, however it does");
}

bool container_options::describes_container() const {
  return image || rootfs || spec_file || hostname || memory || cpus || pids
         || !properties.empty() || privileged || weak;
}

result<config::container_spec>
container_options::to_spec(const std::string& name) const {
  auto spec = config::container_spec{};
  if (spec_file) {
    auto text = contents(*spec_file);
    if (!text)
      return tl::make_unexpected(std::move(text.error()));
    auto read = config::parse_container_spec(*text, *spec_file);
    if (!read)
      return refused(read.error());
    spec = std::move(*read);
  }
  spec.name = name;
  if (image && rootfs)
    return refuse("--rootfs", "it excludes --image", "choose one");
  if (image) {
    spec.image = image;
    spec.rootfs.reset();
  }
  if (rootfs) {
    auto err = std::error_code{};
    auto path = std::filesystem::absolute(*rootfs, err).lexically_normal();
    // A trailing slash would be an empty last component.
    if (!path.has_filename() && path.has_relative_path())
      path = path.parent_path();
    spec.rootfs = path.string();
    spec.image.reset();
  }
  if (!spec.image && !spec.rootfs)
    return refuse("", "the container has no files",
                  "give --image, --rootfs or --spec");
  if (hostname)
    spec.hostname = hostname;
  spec.privileged = spec.privileged || privileged;
  spec.weak = spec.weak || weak;
  for (const auto& [key, option, text] :
       {std::tuple{"memory.limit", "--memory", &memory},
        std::tuple{"cpu.limit", "--cpus", &cpus},
        std::tuple{"pids.limit", "--pids", &pids}})
    if (auto done = set_limit(spec.limits, key, option, *text); !done)
      return tl::make_unexpected(std::move(done.error()));
  auto given = parse_properties("--prop", properties);
  if (!given)
    return tl::make_unexpected(std::move(given.error()));
  for (auto& [key, value] : *given)
    spec.properties.insert_or_assign(key, std::move(value));
  if (auto done = config::validate(spec); !done)
    return refused(done.error());
  return spec;
}

void process_options::declare(CLI::App& app) {
  app.add_option("--process", id, "name of the process")->type_name("ID");
  app.add_option("--restart", restart, "permanent, transient or temporary")
      ->type_name("TYPE");
  add_repeatable(app, "--after", after,
                 "process that is to be ready before it, repeatable", "ID");
  app.add_option("--ready-fd", ready_fd,
                 "it is ready when it writes a line to this descriptor")
      ->type_name("N");
  app.add_option("--ready-port", ready_port,
                 "it is ready when somebody listens to this TCP port")
      ->type_name("PORT");
  app.add_option("--ready-command", ready_command,
                 "it is ready when this, run by its /bin/sh, ends with 0")
      ->type_name("CMD");
  app.add_flag("--ready-exit", ready_exit,
               "it is ready when it has ended with 0");
  app.add_option("--ready-timeout", ready_timeout,
                 "time until it is ready, as 30s; then it has failed")
      ->type_name("TIME");
  app.add_option("--user", user, "user, user:group or their numbers")
      ->type_name("U");
  app.add_option("--cwd", cwd, "working directory inside")->type_name("DIR");
  add_repeatable(app, "--env", env, "variable of the environment, repeatable",
                 "KEY=VALUE");
  app.add_flag("-d,--detach", detach, "do not wait for its end");
  app.add_flag("-i,--interactive", interactive, "forward standard input");
  app.add_flag("-t,--tty", terminal, "give it a terminal");
  app.add_flag("--rm", remove,
               "remove the process, or the container made for it, at the end");
}

result<config::process_spec>
process_options::to_spec(const std::vector<std::string>& argv) const {
  if (argv.empty())
    return refuse("", "no program given", "put it behind `--`");
  auto spec = config::process_spec{};
  spec.id = id ? *id : generated_name("run-");
  spec.argv = argv;
  if (restart) {
    auto type = config::enum_from<config::restart_type>(*restart);
    if (!type)
      return refuse("--restart",
                    config::in_quotes(*restart)
                        + " is not one of permanent, transient, temporary");
    spec.restart.type = *type;
  }
  spec.after = after;
  if (ready_fd || ready_port || ready_command || ready_exit) {
    auto& ready = spec.ready.emplace();
    ready.fd = ready_fd;
    ready.port = ready_port;
    ready.exit = ready_exit;
    if (ready_command)
      ready.command = {"/bin/sh", "-c", *ready_command};
  }
  if (ready_timeout) {
    auto time = config::parse_duration(*ready_timeout);
    if (!time)
      return refused(time.error(), "--ready-timeout");
    if (!spec.ready)
      return refuse("--ready-timeout", "it does not say how it is ready",
                    "give --ready-fd, -port, -command or -exit, too");
    spec.ready->timeout = *time;
  }
  for (const auto& text : env) {
    if (auto pair = parse_key_value("--env", text); !pair)
      return tl::make_unexpected(std::move(pair.error()));
    spec.env.push_back(text);
  }
  spec.user = user.value_or(spec.user);
  spec.cwd = cwd.value_or(spec.cwd);
  spec.stdio = terminal ? config::stdio_mode::tty : config::stdio_mode::pipe;
  spec.stdin_open = interactive;
  if (auto done = config::validate(spec); !done)
    return refused(done.error());
  return spec;
}

std::string generated_name(const std::string& prefix) {
  constexpr auto hex = std::string_view{"0123456789abcdef"};
  auto number = generated_command();
  auto out = prefix;
  for (auto shift : {12U, 8U, 4U, 0U})
    out += hex[(number >> shift) & 0xfU];
  return out;
}

std::uint64_t generated_command() {
  std::uint64_t number = 0;
  // Cannot fail for so few bytes once the machine has booted; 0 would only
  // mean that a repeat is not recognised.
  if (::getrandom(&number, sizeof number, 0) != sizeof number)
    return 0;
  return number;
}

result<void> check_container_name(const std::string& name) {
  auto spec = config::container_spec{};
  spec.name = name;
  spec.rootfs = "/";
  return check_name(spec);
}

result<void> check_process_name(const std::string& name) {
  auto spec = config::process_spec{};
  spec.id = name;
  spec.argv = {"x"};
  return check_name(spec);
}

} // namespace reeve::console
