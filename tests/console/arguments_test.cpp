// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/arguments.hpp"

#include "tests/support/catch.hpp"

#include <cerrno>
#include <sstream>

using namespace reeve::console;
using Catch::Matchers::ContainsSubstring;

namespace {

std::string error_of(std::vector<std::string> args) {
  auto line = parse(std::move(args), std::nullopt);
  return line ? "accepted" : to_string(line.error());
}

bool accepts(std::vector<std::string> args) {
  return parse(std::move(args), std::nullopt).has_value();
}

} // namespace

TEST_CASE("every command is accepted with what it needs", "[console][unit]") {
  CHECK(accepts({"create", "web", "--rootfs", "/srv", "--memory", "64M",
                 "--cpus", "0.5", "--pids", "100", "--prop", "a=b",
                 "--hostname", "h", "--privileged", "--durable"}));
  CHECK(accepts({"run", "web", "-d", "--process", "p", "--restart", "permanent",
                 "--user", "1:1", "--cwd", "/", "--env", "A=", "--", "sh"}));
  CHECK(accepts({"run", "--rootfs", "/srv", "--rm", "-i", "-t", "--", "sh"}));
  CHECK(accepts({"run", "--image", "base", "--", "sh", "-c", "--", "x"}));
  CHECK(accepts({"exec", "web", "-it", "--", "sh"}));
  CHECK(accepts({"attach", "web", "p"}));
  CHECK(accepts({"ls"}));
  CHECK(accepts({"ls", "a*", "--prop", "a=b", "--prop", "c=d"}));
  CHECK(accepts({"ps", "web", "-a"}));
  CHECK(accepts({"tree"}));
  CHECK(accepts({"tree", "web"}));
  CHECK(accepts({"info", "web"}));
  CHECK(accepts({"logs", "web", "p", "-f"}));
  CHECK(accepts({"events", "-f"}));
  CHECK(accepts({"wait", "web", "p"}));
  CHECK(accepts({"signal", "web", "p", "SIGHUP"}));
  CHECK(accepts({"stop", "web", "p", "--timeout", "500ms"}));
  CHECK(accepts({"start", "web"}));
  CHECK(accepts({"restart", "web"}));
  CHECK(accepts({"rm", "web", "p", "-f"}));
  CHECK(accepts({"pause", "web"}));
  CHECK(accepts({"resume", "web"}));
  CHECK(accepts({"set", "web", "memory.limit=64M", "pids.limit=max"}));
  CHECK(accepts({"get", "web", "cpu.limit"}));
  CHECK(accepts({"pause", "web"}));
  CHECK(accepts({"pause", "web", "--for", "10s"}));
  CHECK(accepts({"pause", "web", "--", "true"}));
  CHECK(accepts({"stats", "web", "-f"}));
  CHECK(accepts({"stats", "web", "-f", "-d", "100ms"}));
  CHECK(accepts({"limits"}));
  CHECK(accepts({"limits", "1", "-a"}));
  CHECK(accepts({"limits", "web", "p"}));
  CHECK(accepts({"limits", "web", "p", "-f"}));
  CHECK(accepts({"image", "ls"}));
  CHECK(accepts({"daemon", "info"}));
  CHECK(accepts({"completion", "bash"}));
}

TEST_CASE("a refused command line is one line that names what is wrong",
          "[console][unit]") {
  struct refusal {
    std::vector<std::string> given;
    std::string named;
  };
  const auto refusals = std::vector<refusal>{
      {{}, "no command"},
      {{"--root"}, "--root: it needs a value"},
      {{"ls", "--root"}, "--root"},
      {{"run", "web", "ls"}, "put the program behind `--`"},
      {{"run", "web", "-i", "--restart", "permanent", "--", "cat"}, "-i"},
      {{"lst"}, "did you mean `reeve"},
      {{"image"}, "another word"},
      {{"image", "burn"}, "burn"},
      {{"ls", "--frob"}, "--frob"},
      {{"ls", "--prop", "x"}, "--prop"},
      {{"ls", "--", "x"}, "ls"},
      {{"create"}, "NAME"},
      {{"create", "web"}, "--rootfs"},
      {{"create", "a b", "--rootfs", "/"}, "container.name"},
      {{"create", "web", "--rootfs", "/", "--image", "i"}, "--rootfs"},
      {{"create", "web", "--rootfs", "/", "--memory", "12Q"}, "--memory"},
      {{"create", "web", "--rootfs", "/", "--cpus", "x"}, "--cpus"},
      {{"create", "web", "--rootfs", "/", "--pids", "-1"}, "--pids"},
      {{"create", "web", "--rootfs", "/", "--prop", "=v"}, "--prop"},
      {{"create", "web", "--rootfs"}, "--rootfs"},
      {{"create", "web", "--spec", "/nowhere.toml"}, "--spec"},
      {{"run", "web"}, "--"},
      {{"run", "--", "sh"}, "NAME"},
      {{"run", "web", "--rootfs", "/", "--", "sh"}, "NAME"},
      {{"run", "web", "sh", "--", "x"}, "sh"},
      {{"run", "web", "--restart", "always", "--", "sh"}, "--restart"},
      {{"run", "web", "--env", "X", "--", "sh"}, "--env"},
      {{"run", "web", "--rm", "-d", "--", "sh"}, "--rm"},
      {{"run", "web", "--cwd", "rel", "--", "sh"}, "cwd"},
      {{"exec", "--", "sh"}, "NAME"},
      {{"exec", "web", "--rootfs", "/", "--", "sh"}, "--rootfs"},
      {{"attach", "web"}, "PROC"},
      {{"ps"}, "NAME"},
      {{"tree", "a", "b"}, "b"},
      {{"info", "../x"}, "container.name"},
      {{"logs", "web"}, "PROC"},
      {{"events", "x"}, "x"},
      {{"wait", "web"}, "PROC"},
      {{"signal", "web", "p"}, "SIGNAL"},
      {{"signal", "web", "p", "SIGFOO"}, "SIGNAL"},
      {{"stop"}, "NAME"},
      {{"stop", "web", "--timeout", "5"}, "--timeout"},
      {{"start", "web", "p", "q"}, "q"},
      {{"restart", "web", "--timeout", "soon"}, "--timeout"},
      {{"rm"}, "NAME"},
      {{"pause"}, "NAME"},
      {{"resume", "a", "b"}, "b"},
      {{"set", "web"}, "KEY=VALUE"},
      {{"set", "web", "memory.limit"}, "KEY=VALUE"},
      {{"set", "web", "memory=1"}, "memory.limit"},
      {{"set", "web", "memory.limit=1Q"}, "memory.limit"},
      {{"set", "web", "pids.limit=1", "pids.limit=2"}, "pids.limit"},
      {{"get", "web", "memory"}, "memory.limit"},
      {{"limits", "../x"}, "container.name"},
      {{"pause", "web", "--for", "10"}, "--for"},
      {{"pause", "web", "--for", "1s", "--", "true"}, "--for"},
      {{"resume", "web", "--", "true"}, "resume"},
      {{"stats", "web", "-d", "1s"}, "--follow"},
      {{"stats", "web", "-f", "-d", "1ms"}, "--delay"},
      {{"limits", "1", "p"}, "PROC"},
      {{"limits", "1", "-f"}, "--follow"},
      {{"limits", "-f"}, "--follow"},
      {{"ls", "--socket", ""}, "--socket"},
      {{"ls", "--root", ""}, "--root"},
      {{"info", "\xff"}, "UTF-8"},
      {{"exec", "web", "--", "\xc3("}, "UTF-8"},
  };
  for (const auto& [given, named] : refusals) {
    auto error = error_of(given);
    CHECK_THAT(error, ContainsSubstring(named));
    CHECK_THAT(error,
               !ContainsSubstring("\n") && !ContainsSubstring("accepted"));
  }
}

TEST_CASE("options of every command stand before or after it",
          "[console][unit]") {
  auto before = parse({"--root", "/a", "--json", "ls"}, "/b");
  auto after = parse({"ls", "--json", "--root=/a"}, std::nullopt);
  REQUIRE(before);
  REQUIRE(after);
  CHECK(before->options.socket == after->options.socket);
  CHECK(before->options.socket.starts_with("/a/"));
  CHECK(before->options.json);
  CHECK(after->options.json);
  CHECK_FALSE(after->options.quiet);
}

TEST_CASE("the root comes from the environment, the socket wins over both",
          "[console][unit]") {
  auto from_environment = parse({"ls"}, "/b");
  REQUIRE(from_environment);
  CHECK(from_environment->options.socket.starts_with("/b/"));
  auto named = parse({"ls", "--socket", "/s", "--root", "/a"}, "/b");
  REQUIRE(named);
  CHECK(named->options.socket == "/s");
}

TEST_CASE("what stands behind -- is the program's, whatever it looks like",
          "[console][unit]") {
  CHECK(accepts({"exec", "web", "--", "prog", "--json", "--help", "--", "-x"}));
}

TEST_CASE("help names every command, and describes each", "[console][unit]") {
  auto text_of = [](std::vector<std::string> args) {
    auto line = parse(std::move(args), std::nullopt);
    REQUIRE(line);
    auto out = std::ostringstream{};
    auto ctx = context{line->options, {}, out, out};
    auto status = line->act(ctx);
    REQUIRE(status);
    CHECK(*status == status_ok);
    return out.str();
  };
  auto overview = text_of({"--help"});
  for (const auto& verb : verbs()) {
    auto name = std::string{verb.name};
    CHECK_THAT(overview, ContainsSubstring(name)
                             && ContainsSubstring(std::string{verb.summary}));
    auto words = std::vector<std::string>{};
    auto stream = std::istringstream{name + " --help"};
    for (std::string word; stream >> word;)
      words.push_back(word);
    CHECK_THAT(text_of(words), ContainsSubstring("Usage: reeve " + name));
  }
  CHECK_THAT(text_of({"--version"}), ContainsSubstring("reeve "));
  CHECK(text_of({"ls", "--version"}) == text_of({"--version"}));
}

TEST_CASE("no daemon is told apart from one that does not admit us",
          "[console][unit]") {
  auto line = parse({"ls", "--socket", "/s"}, std::nullopt);
  REQUIRE(line);
  auto text_for = [&](int code) {
    auto none = [code](const std::string& path)
        -> reeve::kernel::result<std::unique_ptr<host>> {
      return reeve::kernel::make_error(code, "connect to", path);
    };
    auto out = std::ostringstream{};
    auto ctx = context{line->options, {none, {}}, out, out};
    auto status = line->act(ctx);
    REQUIRE_FALSE(status);
    CHECK(status.error().status == status_own_error);
    return to_string(status.error());
  };
  CHECK_THAT(text_for(ENOENT),
             ContainsSubstring("start reeved") && ContainsSubstring("/s"));
  CHECK_THAT(text_for(ECONNREFUSED), ContainsSubstring("start reeved"));
  CHECK_THAT(text_for(EACCES),
             ContainsSubstring("only root") && ContainsSubstring("EACCES"));
}

TEST_CASE("a command for one container is hosted here only without a daemon",
          "[console][unit]") {
  auto asked_to_embed = [](int code) {
    auto embedded = false;
    auto hosts = host_factory{};
    hosts.daemon = [code](const std::string& path)
        -> reeve::kernel::result<std::unique_ptr<host>> {
      return reeve::kernel::make_error(code, "connect to", path);
    };
    hosts.embedded = [&]() -> result<std::unique_ptr<host>> {
      embedded = true;
      return refuse("", "not in this test");
    };
    auto out = std::ostringstream{};
    auto ctx = context{{}, hosts, out, out};
    CHECK_FALSE(ctx.daemon_or_embedded("cannot run"));
    return embedded;
  };
  CHECK(asked_to_embed(ENOENT));
  CHECK(asked_to_embed(ECONNREFUSED));
  CHECK_FALSE(asked_to_embed(EACCES));
  CHECK_FALSE(asked_to_embed(ETIMEDOUT));
}

TEST_CASE(
    "console: --json is refused where there are no records, with what to do",
    "[console][unit]") {
  for (const auto& line : std::vector<std::vector<std::string>>{
           {"logs", "web", "p"},
           {"logs", "-f", "web", "p"},
           {"attach", "web", "p"},
           {"completion", "bash"},
           {"run", "web", "--", "sh"},
           {"run", "--image", "busybox", "-it", "--", "sh"},
           {"exec", "web", "--", "sh"}}) {
    INFO(line.front());
    CHECK(accepts(line));
    auto with = line;
    with.insert(with.begin(), "--json");
    CHECK_THAT(error_of(with), Catch::Matchers::StartsWith("--json: "));
    CHECK_THAT(error_of(with), ContainsSubstring("leave it out"));
  }
  CHECK_THAT(error_of({"run", "web", "--json", "--", "sh"}),
             ContainsSubstring("-d"));
  CHECK(accepts({"run", "web", "--json", "-d", "--", "sh"}));
  CHECK(accepts({"exec", "web", "--json", "--detach", "--", "sh"}));
  // Of the program, not ours.
  CHECK(accepts({"run", "web", "--", "sh", "--json"}));
}

TEST_CASE("every command either has records or says that it has none",
          "[console][unit]") {
  // Words that each command is content with.
  for (const auto& v : verbs()) {
    if (v.has_record != verb::record::always)
      continue;
    auto line = std::vector<std::string>{"--json"};
    auto name = std::istringstream{std::string{v.name}};
    for (std::string word; name >> word;)
      line.push_back(word);
    for (const auto* more : {"web", "p", "TERM"}) {
      if (accepts(line))
        break;
      line.push_back(v.name == "set" && line.size() == 3 ? "pids.limit=5"
                                                         : more);
    }
    if (v.name == "create")
      line = {"--json", "create", "web", "--image", "busybox"};
    INFO(v.name);
    CHECK(accepts(line));
  }
}
