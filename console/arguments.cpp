// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/arguments.hpp"

#include "config/daemon_config.hpp"
#include "config/text.hpp"
#include "supervisor/version.hpp"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <algorithm>
#include <sstream>
#include <utility>

namespace reeve::console {

namespace {

constexpr auto try_help = "see `reeve --help`";

struct global_options {
  std::optional<std::string> root;
  std::optional<std::string> socket;
  bool json = false;
  bool quiet = false;
};

std::string version_text() {
  return "reeve " + std::string{supervisor::version};
}

void declare_globals(CLI::App& app, global_options& into) {
  app.add_option("--root", into.root, "directory of the instance (REEVE_ROOT)")
      ->type_name("DIR")
      ->group("Options of every command");
  app.add_option("--socket", into.socket, "socket of the daemon")
      ->type_name("PATH")
      ->group("Options of every command");
  app.add_flag("--json", into.json, "print JSON")
      ->group("Options of every command");
  app.set_version_flag("--version", version_text)
      ->group("Options of every command");
  app.add_flag("-q,--quiet", into.quiet, "print only what was asked for")
      ->group("Options of every command");
}

result<settings> settle(const global_options& given,
                        std::optional<std::string> root) {
  if (given.root)
    root = given.root;
  auto out = settings{{}, given.json, given.quiet};
  auto cfg = config::daemon_config{};
  if (root && root->empty())
    return refuse(given.root ? "--root" : "REEVE_ROOT", "it is empty",
                  "name a directory");
  if (root)
    cfg = config::with_root(std::move(cfg), *root);
  out.socket = given.socket.value_or(config::socket_of(cfg));
  if (out.socket.empty())
    return refuse("--socket", "it is empty", "name a socket");
  return out;
}

/// CLI11's help, with the usage line of our table.
class help_format : public CLI::Formatter {
public:
  explicit help_format(std::string usage) : usage_{std::move(usage)} {}

  std::string make_usage(const CLI::App*, std::string) const override {
    return "Usage: " + usage_ + "\n";
  }

private:
  std::string usage_;
};

action print(std::string text) {
  return [text = std::move(text)](context& ctx) -> result<int> {
    ctx.out << text;
    return status_ok;
  };
}

std::string overview() {
  auto text = std::ostringstream{};
  text << "Usage: reeve [OPTION]... COMMAND [ARGUMENT]...\n\n"
          "Runs and supervises processes in Linux containers.\n\n";
  auto widest = std::size_t{0};
  for (const auto& v : verbs())
    widest = std::max(widest, v.name.size());
  for (const auto& v : verbs())
    text << "  " << v.name << std::string(widest - v.name.size() + 3, ' ')
         << v.summary << '\n';
  text << "\nOptions of every command:\n"
          "  --root DIR      directory of the instance (REEVE_ROOT)\n"
          "  --socket PATH   socket of the daemon\n"
          "  --json          print JSON\n"
          "  -q, --quiet     print only what was asked for\n"
          "  --help          describe a command\n"
          "  --version       print the version\n";
  return text.str();
}

bool is_value_option(std::string_view arg) {
  return arg == "--root" || arg == "--socket";
}

/// Index of the first argument that is neither a global option nor its value.
std::size_t find_verb(const std::vector<std::string>& args) {
  std::size_t i = 0;
  while (i < args.size() && args[i].starts_with('-'))
    i += is_value_option(args[i]) ? 2 : 1;
  return std::min(i, args.size());
}

/// Takes the words of the verb out of the arguments.
result<const verb*> take_verb(std::vector<std::string>& args) {
  auto at = find_verb(args);
  if (at == args.size()) {
    if (!args.empty() && is_value_option(args.back()))
      return refuse(args.back(), "it needs a value", try_help);
    return refuse("", "no command given", try_help);
  }
  auto is_group = false;
  for (const auto& v : verbs()) {
    auto space = v.name.find(' ');
    if (v.name.substr(0, space) != args[at])
      continue;
    auto first = args.begin() + static_cast<std::ptrdiff_t>(at);
    if (space == std::string_view::npos) {
      args.erase(first);
      return &v;
    }
    is_group = true;
    if (at + 1 < args.size() && args[at + 1] == v.name.substr(space + 1)) {
      args.erase(first, first + 2);
      return &v;
    }
  }
  if (is_group)
    return refuse(args[at],
                  at + 1 < args.size() ? config::in_quotes(args[at + 1])
                                             + " is not one of its "
                                               "commands"
                                       : "it needs another word",
                  try_help);
  auto names = std::vector<std::string_view>{};
  for (const auto& v : verbs())
    names.push_back(v.name);
  auto near = config::nearest(args[at], names);
  return refuse("", config::in_quotes(args[at]) + " is not a command",
                near.empty()
                    ? try_help
                    : "did you mean `reeve " + std::string{near} + "`?");
}

bool asks_for(const std::vector<std::string>& args, std::string_view option) {
  auto end = args.begin() + static_cast<std::ptrdiff_t>(find_verb(args));
  return std::find(args.begin(), end, option) != end;
}

std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return printable(text);
}

result<void> check_utf8(const std::vector<std::string>& args) {
  for (const auto& arg : args)
    if (config::find_invalid_utf8(arg) != std::string_view::npos)
      return refuse("", "argument " + config::in_quotes(arg)
                            + " is not valid UTF-8");
  return {};
}

result<void> check_json(const verb& chosen, const CLI::App& app) {
  switch (chosen.has_record) {
  case verb::record::always:
    return {};
  case verb::record::with_detach:
    if (app.count("--detach") > 0)
      return {};
    return refuse("--json",
                  "in the foreground, the program's output is printed",
                  "leave it out, or add -d");
  case verb::record::never:
    break;
  }
  return refuse("--json",
                "`reeve " + std::string{chosen.name}
                    + "` prints text as it is, and no records",
                "leave it out");
}

} // namespace

result<command_line> parse(std::vector<std::string> args,
                           std::optional<std::string> root) {
  if (auto done = check_utf8(args); !done)
    return tl::make_unexpected(std::move(done.error()));
  auto dashes = std::find(args.begin(), args.end(), "--");
  auto has_program = dashes != args.end();
  auto program =
      program_arguments(has_program ? dashes + 1 : args.end(), args.end());
  args.erase(dashes, args.end());

  if (asks_for(args, "--version"))
    return command_line{{}, print(version_text() + '\n')};
  if (asks_for(args, "--help") || asks_for(args, "-h"))
    return command_line{{}, print(overview())};
  auto found = take_verb(args);
  if (!found)
    return tl::make_unexpected(std::move(found.error()));
  const auto& chosen = **found;
  auto name = std::string{chosen.name};
  if (has_program && chosen.takes_program == verb::program::no)
    return refuse(name, "it runs no program", "leave out what follows `--`");

  auto app = CLI::App{std::string{chosen.summary}, "reeve " + name};
  app.formatter(std::make_shared<help_format>("reeve " + name + " "
                                              + std::string{chosen.usage}));
  auto globals = global_options{};
  auto check = chosen.declare(app);
  declare_globals(app, globals);
  try {
    std::reverse(args.begin(), args.end()); // as CLI11 wants it
    app.parse(std::move(args));
  } catch (const CLI::CallForHelp&) {
    return command_line{{}, print(app.help())};
  } catch (const CLI::CallForVersion&) {
    return command_line{{}, print(version_text() + '\n')};
  } catch (const CLI::ExtrasError& err) {
    if (chosen.takes_program == verb::program::no || has_program)
      return refuse(name, one_line(err.what()),
                    "see `reeve " + name + " --help`");
    return refuse(name, one_line(err.what()), "put the program behind `--`");
  } catch (const CLI::ParseError& err) {
    return refuse(name, one_line(err.what()),
                  "see `reeve " + name + " --help`");
  }
  auto options = settle(globals, std::move(root));
  if (!options)
    return tl::make_unexpected(std::move(options.error()));
  if (options->json)
    if (auto done = check_json(chosen, app); !done)
      return tl::make_unexpected(std::move(done.error()));
  auto act = check(std::move(program));
  if (!act)
    return tl::make_unexpected(std::move(act.error()));
  return command_line{std::move(*options), std::move(*act)};
}

void add_repeatable(CLI::App& app, const std::string& name,
                    std::vector<std::string>& to, const std::string& help,
                    const std::string& type) {
  app.add_option(name, to, help)
      ->type_name(type)
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

} // namespace reeve::console
