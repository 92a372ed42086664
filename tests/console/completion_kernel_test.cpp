// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// The completion under a real bash, held against the tables of the parser.

#include "config/enum_names.hpp"
#include "config/limits.hpp"
#include "config/names.hpp"
#include "console/arguments.hpp"
#include "tests/console/at_daemon.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/skip.hpp"

#include <unistd.h>

#include <map>
#include <set>

using namespace reeve::tests;
using reeve::console::verb;
using reeve::console::verbs;
using strings = std::set<std::string>;

namespace {

bool has_bash() {
  if (::access("/bin/bash", X_OK) == 0)
    return true;
  skip("bash is not installed");
  return false;
}

/// What bash offers for the last word of a command line, in order. The script
/// is the one that `reeve completion bash` prints.
words offered(const words& line) {
  constexpr auto* script = R"bash(
PATH=${1%/*}:$PATH
eval "$2"
shift 2
[[ $(complete -p reeve) == 'complete -F _reeve reeve' ]] || exit 9
COMP_WORDS=(reeve "$@")
COMP_CWORD=$#
_reeve
((${#COMPREPLY[@]} == 0)) || printf '%s\n' "${COMPREPLY[@]}"
)bash";
  static const auto completion = run_console({"completion", "bash"}).out;
  auto command = words{"/bin/bash", "--norc",           "-c",      script,
                       "bash",      REEVE_TEST_CONSOLE, completion};
  command.insert(command.end(), line.begin(), line.end());
  auto got = run_console(command);
  INFO(got.err);
  CHECK(got.err.empty());
  CHECK(got.status == 0);
  return lines_of(got.out);
}

strings set_of(const words& all) {
  return {all.begin(), all.end()};
}

words words_of(const verb& v) {
  auto name = std::string{v.name};
  auto space = name.find(' ');
  if (space == std::string::npos)
    return {name};
  return {name.substr(0, space), name.substr(space + 1)};
}

struct options_of_verb {
  strings flags;
  strings with_value;
};

/// As the parser has them.
options_of_verb options_of(const verb& v) {
  CLI::App app;
  auto check = v.declare(app);
  auto out = options_of_verb{};
  for (const auto* option : app.get_options())
    for (const auto& name : option->get_lnames())
      (option->get_items_expected_max() > 0 ? out.with_value : out.flags)
          .insert("--" + name);
  return out;
}

/// Whose first word is the name of a container.
bool takes_name(const verb& v) {
  return v.usage.starts_with("NAME") || v.usage.starts_with("[NAME]")
         || v.usage.starts_with("[PATTERN]");
}

} // namespace

TEST_CASE("completion: the commands are those of the parser",
          "[console][kernel][completion]") {
  if (!has_bash())
    return;
  auto first = strings{};
  auto second = std::map<std::string, strings>{};
  for (const auto& v : verbs()) {
    auto name = words_of(v);
    first.insert(name.front());
    if (name.size() > 1)
      second[name.front()].insert(name.back());
  }
  CHECK(set_of(offered({""})) == first);
  CHECK(offered({"comp"}) == words{"completion"});
  CHECK(offered({"--json", "comp"}) == words{"completion"});
  for (const auto& [group, names] : second)
    CHECK(set_of(offered({group, ""})) == names);
}

TEST_CASE("completion: the options of each command are those of the parser",
          "[console][kernel][completion]") {
  if (!has_bash())
    return;
  for (const auto& v : verbs()) {
    INFO(v.name);
    auto [expected, with_value] = options_of(v);
    expected.merge(with_value);
    expected.insert({"--root", "--socket", "--quiet", "--help", "--version"});
    if (v.has_record != verb::record::never)
      expected.insert("--json");
    auto line = words_of(v);
    line.emplace_back("--");
    // Two dashes end options for us, and begin them for who is typing.
    CHECK(set_of(offered(line)) == expected);
  }
  CHECK(set_of(offered({"--"}))
        == strings{"--root", "--socket", "--json", "--quiet", "--help",
                   "--version"});
}

TEST_CASE("completion: what it offers for values, the parser accepts",
          "[console][kernel][completion]") {
  if (!has_bash())
    return;
  auto types = strings{};
  for (const auto* name : {"permanent", "transient", "temporary"}) {
    CHECK(reeve::config::enum_from<reeve::config::restart_type>(name));
    types.insert(name);
  }
  CHECK(set_of(offered({"run", "web", "--restart", ""})) == types);
  auto keys = strings{};
  auto with_equals = strings{};
  for (const auto& limit : reeve::config::limit_names()) {
    keys.insert(std::string{limit.key});
    with_equals.insert(std::string{limit.key} + "=");
  }
  CHECK(set_of(offered({"get", "web", ""})) == keys);
  CHECK(set_of(offered({"get", "web", "pids.limit", ""})) == keys);
  CHECK(set_of(offered({"set", "web", ""})) == with_equals);
  const auto signals = offered({"signal", "web", "p", ""});
  CHECK(signals.size() > 5);
  for (const auto& name : signals)
    CHECK(reeve::config::signal_number(name));
}

TEST_CASE("completion: files are offered where a file is meant",
          "[console][kernel][completion]") {
  if (!has_bash())
    return;
  for (const auto& line : {words{"create", "web", "--spec", "/etc/pass"},
                           {"run", "--rootfs", "/etc/pass"},
                           {"--socket", "/etc/pass"}})
    CHECK(set_of(offered(line)).count("/etc/passwd") == 1);
}

TEST_CASE("completion: containers, processes and images are the daemon's",
          "[console][kernel][completion]") {
  if (!is_root() || !has_bash())
    return;
  daemon_process daemon;
  daemon.create("web");
  daemon.create("shop");
  daemon.create("shop/front");
  daemon.run("web", daemon_process::sleeper("clock"));
  daemon.run("web", daemon_process::process("done", {"true"}));
  daemon.wait("web", "done");
  const auto containers = strings{"shop", "shop/front", "web"};
  const auto processes = strings{"clock", "done"};
  auto offers = [&](words line) {
    return set_of(offered(at(daemon, std::move(line))));
  };
  for (const auto& v : verbs()) {
    INFO(v.name);
    auto line = words_of(v);
    line.emplace_back("");
    if (!takes_name(v) || v.name == "create") {
      CHECK(offers(line).count("web") == 0);
      continue;
    }
    CHECK(offers(line) == containers);
    // An option takes its value along, a flag does not.
    auto options = words{line.front()};
    auto [flags, with_value] = options_of(v);
    options.insert(options.end(), flags.begin(), flags.end());
    for (const auto& option : with_value)
      options.insert(options.end(), {option, "value"});
    options.emplace_back("");
    CHECK(offers(options) == containers);
    // Who has a process for the second word.
    auto has_process = v.usage.find("PROC") != std::string_view::npos;
    auto second = offers({line.front(), "web", ""});
    if (has_process)
      CHECK(second == processes);
    else
      CHECK(second.count("clock") == 0);
    if (has_process)
      CHECK(offers({line.front(), "web", "cl"}) == strings{"clock"});
  }
  CHECK(offers({"info", "sh"}) == strings{"shop", "shop/front"});
  CHECK(offers({"run", "--image", "busy"}) == strings{"busybox"});
  // Behind `--` stands somebody else's command line.
  CHECK(offers({"run", "web", "--", ""}).empty());
  CHECK(offers({"run", "web", "--", "ls", "--"}).empty());
}
