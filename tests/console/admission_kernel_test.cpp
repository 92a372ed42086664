// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// Who is let in, by the configuration of a real `reeved`.

#include "tests/console/at_daemon.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"
#include "tests/support/temp_directory.hpp"

#include <grp.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

using namespace reeve::tests;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;

namespace fs = std::filesystem;

namespace {

// Of nobody on any host of ours.
constexpr auto friend_uid = 54321;
constexpr auto stranger_uid = 54322;
constexpr auto passer_by_uid = 54323;

gid_t other_group() {
  const auto* group = ::getgrnam("daemon");
  REQUIRE(group != nullptr);
  return group->gr_gid;
}

/// Who asks: a user, its group and its supplementary one, -1 for none.
struct person {
  int uid;
  int gid;
  int group = -1;
};

words as(const person& who, words line) {
  auto number = [](int n) { return std::to_string(n); };
  line.insert(line.begin(), {"/usr/bin/setpriv", "--reuid=" + number(who.uid),
                             "--regid=" + number(who.gid),
                             who.group < 0 ? "--clear-groups"
                                           : "--groups=" + number(who.group),
                             REEVE_TEST_CONSOLE});
  return line;
}

/// A daemon with a container, whose log can be read.
class guarded_daemon {
public:
  explicit guarded_daemon(const std::string& keys) : daemon{options(keys)} {
    daemon.create("web");
  }

  console_outcome ask(const person& who, const words& line) {
    return run_console(as(who, at(daemon, line)));
  }

  void check_admitted(const person& who) {
    auto got = ask(who, {"-q", "ls"});
    INFO(got.err);
    CHECK(got.status == 0);
    CHECK(got.out == "web\n");
    CHECK(got.err.empty());
  }

  /// The kernel lets it through to the door, and there it is turned away.
  void check_turned_away(const person& who) {
    for (const auto& line : {words{"ls"},
                             {"rm", "-f", "web"},
                             {"run", "web", "--", "id"},
                             {"run", "--image", "busybox", "--", "id"}}) {
      auto before = logged(who).size();
      auto got = ask(who, line);
      INFO(line.front() << ": " << got.err);
      CHECK(got.status == 125);
      CHECK(got.out.empty());
      CHECK_THAT(got.err, StartsWith("reeve: cannot "));
      CHECK_THAT(got.err, ContainsSubstring("hung up"));
      // What to do.
      CHECK_THAT(got.err, ContainsSubstring("admit_uids"));
      CHECK_THAT(got.err, ContainsSubstring("admit_gids"));
      CHECK(lines_of(got.err).size() == 1);
      eventually("it is logged, with its pid and the reason",
                 [&] { return logged(who).size() == before + 1; });
      CHECK_THAT(logged(who).back(), EndsWith(": not admitted"));
    }
    CHECK(daemon.container_names() == std::vector<std::string>{"web"});
  }

  /// The mode of the socket keeps it out; the daemon does not hear of it.
  void check_kept_out(const person& who) {
    auto got = ask(who, {"ls"});
    INFO(got.err);
    CHECK(got.status == 125);
    CHECK(got.out.empty());
    CHECK_THAT(got.err, ContainsSubstring("EACCES"));
    CHECK_THAT(got.err, ContainsSubstring("socket_group"));
    CHECK_THAT(got.err, ContainsSubstring("become root"));
    CHECK(logged(who).empty());
  }

  temp_directory dir;
  std::string log = dir.path() + "/log";
  daemon_process daemon;

private:
  [[nodiscard]] daemon_options options(const std::string& keys) const {
    auto out = daemon_options{};
    out.keys = keys;
    out.log = "sink = \"file\"\npath = \"" + log + "\"\nlevel = \"warning\"";
    return out;
  }

  /// Lines about it in the daemon's log.
  [[nodiscard]] std::vector<std::string> logged(const person& who) const {
    auto out = lines_of(read_file(log));
    std::erase_if(out, [&](const std::string& line) {
      return line.find(" warning closed a connection of uid "
                       + std::to_string(who.uid) + ", pid ")
             == std::string::npos;
    });
    return out;
  }
};

} // namespace

TEST_CASE("console: admit_uids lets a user in, and another who can reach the "
          "socket is refused by its credentials",
          "[console][kernel][admission]") {
  if (!is_root())
    return;
  guarded_daemon uut{"admit_uids = [0, " + std::to_string(friend_uid)
                     + "]\nsocket_group = \"daemon\""};
  const auto group = static_cast<int>(other_group());
  uut.check_admitted({friend_uid, friend_uid, group});
  uut.check_admitted({friend_uid, group});
  uut.check_turned_away({stranger_uid, stranger_uid, group});
  uut.check_turned_away({stranger_uid, group});
  uut.check_kept_out({passer_by_uid, passer_by_uid});
  // An admitted user is as good as root.
  auto got = uut.ask({friend_uid, group}, {"run", "web", "--", "id", "-u"});
  CHECK(got.status == 0);
  CHECK(got.out == "0\n");
}

TEST_CASE("console: a socket that all can reach still admits only those that "
          "the configuration names",
          "[console][kernel][admission]") {
  if (!is_root())
    return;
  guarded_daemon uut{"admit_uids = [0, " + std::to_string(friend_uid) + "]"};
  fs::permissions(uut.daemon.root() + "/run/reeved.sock", fs::perms{0666});
  uut.check_admitted({friend_uid, friend_uid});
  uut.check_turned_away({stranger_uid, stranger_uid});
}

TEST_CASE("console: admit_gids lets the members of a group in, whichever of "
          "their groups it is",
          "[console][kernel][admission]") {
  if (!is_root())
    return;
  const auto group = static_cast<int>(other_group());
  guarded_daemon uut{"admit_gids = [" + std::to_string(group)
                     + "]\nsocket_group = \"daemon\""};
  uut.check_admitted({friend_uid, group});
  uut.check_admitted({friend_uid, friend_uid, group});
  uut.check_kept_out({stranger_uid, stranger_uid});
  uut.check_kept_out({stranger_uid, stranger_uid, stranger_uid});
  // Root is by default.
  CHECK(told(uut.daemon, {"-q", "ls"}) == "web\n");
}

TEST_CASE("console: root is refused where the configuration does not name it",
          "[console][kernel][admission]") {
  if (!is_root())
    return;
  // The fixture itself comes in by the group.
  auto gid = static_cast<int>(::getegid());
  guarded_daemon uut{"admit_uids = []\nadmit_gids = [" + std::to_string(gid)
                     + "]"};
  uut.check_turned_away({0, stranger_uid});
  uut.check_admitted({0, gid});
}

TEST_CASE(
    "reeved: a socket_group that does not exist is an error that names it",
    "[console][kernel][admission]") {
  if (!is_root())
    return;
  daemon_process daemon;
  CHECK(daemon.stop(SIGTERM) == 0);
  auto file = daemon.root() + "/reeved.toml";
  const auto before = read_file(file);
  std::ofstream{file} << "socket_group = \"no-such-group\"\n" << before;
  auto refused = daemon.try_another();
  CHECK(refused.status == 1);
  CHECK_THAT(refused.text, ContainsSubstring("socket_group"));
  CHECK_THAT(refused.text, ContainsSubstring("no-such-group"));
  CHECK_FALSE(fs::exists(daemon.root() + "/run/reeved.sock"));
  std::ofstream{file} << before;
  daemon.start();
}
