// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// `daemon upgrade`, and what clients see of it, and of a crash.

#include "kernel-iface/process_identity.hpp"
#include "tests/console/at_daemon.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"

#include <nlohmann/json.hpp>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

using namespace reeve;
using namespace reeve::tests;
using nlohmann::json;

namespace {

constexpr const char* tags = "[console][kernel][upgrade]";

const words count = {"run",
                     "web",
                     "-d",
                     "--process",
                     "count",
                     "--restart",
                     "permanent",
                     "--",
                     "sh",
                     "-c",
                     "i=0; while :; do echo $i; i=$((i+1)); sleep 0.005; done"};

json process_of(const daemon_process& daemon) {
  return json::parse(told(daemon, {"ps", "web", "--json"})).at(0);
}

json info_of(const daemon_process& daemon) {
  return json::parse(told(daemon, {"daemon", "info", "--json"}));
}

// A client that goes on reading. Its lines are numbers without a gap.
class reader {
public:
  explicit reader(const daemon_process& daemon)
      : child_{tests::at(daemon, {"logs", "-f", "web", "count"}),
               {-1, out_.write.get(), -1, {}, {}}} {
    out_.write.reset();
  }

  void read(int lines) {
    for (auto i = 0; i < lines; ++i)
      CHECK(next_line(out_.read.get()) == std::to_string(next_++));
  }

private:
  pipe_ends out_;
  console_process child_;
  long next_ = 0;
};

} // namespace

TEST_CASE("upgrade: neither processes nor clients notice it", tags) {
  if (!is_root())
    return;
  daemon_process daemon;
  told(daemon, {"create", "web", "--image", "busybox"});
  told(daemon, count);
  auto before = process_of(daemon);
  auto then = info_of(daemon);
  auto since = kernel::start_time(daemon.pid()).value().value();
  reader follower{daemon};
  follower.read(20);
  // Others come and go all the while.
  std::atomic<bool> over{false};
  std::string complaints;
  auto listings = 0;
  auto visitor = std::thread{[&] {
    for (; !over; ++listings) {
      auto got = run_console(tests::at(daemon, {"ls", "-q"}));
      if (got.status != 0 || got.out != "web\n")
        complaints += got.out + got.err;
    }
  }};
  for (auto i = 0; i < 5; ++i) {
    auto after = json::parse(told(daemon, {"daemon", "upgrade", "--json"}));
    CHECK(after.at("pid") == daemon.pid());
    CHECK(after.at("containers") == 1);
    CHECK(after.at("started") > then.at("started"));
    then = after;
    follower.read(20);
  }
  over = true;
  visitor.join();
  CHECK(complaints == "");
  CHECK(listings > 5);
  CHECK(kernel::start_time(daemon.pid()).value().value() == since);
  daemon.connect();
  auto now = process_of(daemon);
  CHECK(now.at("pid") == before.at("pid"));
  CHECK(now.at("restarts") == 0);
}

TEST_CASE("upgrade: goes to another file, also in the place of the old one",
          tags) {
  if (!is_root())
    return;
  daemon_process daemon;
  auto program = [&] {
    return std::filesystem::read_symlink("/proc/" + std::to_string(daemon.pid())
                                         + "/exe")
        .string();
  };
  // What leads where, whatever its number.
  auto files = [&] {
    std::map<std::string, int> out;
    for (auto& file : open_files_of(daemon.pid()))
      ++out[file.starts_with("anon") ? file : file.substr(0, file.find('['))];
    return out;
  };
  eventually("its pool is full",
             [&] { return info_of(daemon).at("pool").at("ready") == 1; });
  auto before = files();
  auto file = daemon.root() + "/reeved";
  std::filesystem::copy_file(program(), file);
  CHECK(told(daemon, {"daemon", "upgrade", "--program", file})
            .starts_with("upgraded from 0.1.0 to 0.1.0: pid "));
  CHECK(program() == file);
  // What a package manager does.
  std::filesystem::copy_file(file, file + ".new");
  std::filesystem::rename(file + ".new", file);
  CHECK(program() == file + " (deleted)");
  told(daemon, {"daemon", "upgrade"});
  CHECK(program() == file);
  daemon.connect();
  eventually("the old connections have gone",
             [&] { return files() == before; });
}

TEST_CASE("upgrade: to what is no daemon for this configuration is refused",
          tags) {
  if (!is_root())
    return;
  daemon_process daemon;
  auto then = info_of(daemon).at("started");
  auto script = daemon.root() + "/script";
  std::ofstream{script} << "#!/bin/sh\necho no such key >&2\nexit 1\n";
  std::filesystem::permissions(script, std::filesystem::perms::owner_all);
  auto refused = [&](const std::string& program) {
    auto got = run_console(
        tests::at(daemon, {"daemon", "upgrade", "--program", program}));
    CHECK(got.status == 125);
    CHECK(got.out == "");
    return got.err;
  };
  auto has = [](const std::string& text, const char* part) {
    INFO(text);
    CHECK(text.find(part) != std::string::npos);
  };
  has(refused("/nonexistent"), "execute /nonexistent: No such file");
  has(refused("/etc/passwd"), "execute /etc/passwd: Permission denied");
  has(refused("/bin/true"), "it is no reeved");
  has(refused(script), "it does not accept the configuration: no such key");
  // Not before it is checked: the file of the configuration has changed.
  std::ofstream{daemon.root() + "/reeved.toml", std::ios::app} << "x = 1\n";
  has(refused(""), "unknown key");
  CHECK(info_of(daemon).at("started") == then);
}

TEST_CASE("upgrade: a client goes on after a crash, too", tags) {
  if (!is_root())
    return;
  daemon_process daemon;
  told(daemon, {"create", "web", "--image", "busybox"});
  told(daemon, count);
  reader follower{daemon};
  for (auto i = 0; i < 3; ++i) {
    follower.read(20);
    daemon.kill();
    daemon.start();
  }
  follower.read(20);
}
