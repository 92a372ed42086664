// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// Output that is forwarded to a journal and to the daemon's standard output,
// and output that nobody takes.

#include "config/times.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/daemon_process.hpp"
#include "tests/support/instance.hpp"
#include "tests/support/kernel_view.hpp"
#include "tests/support/memory_file.hpp"
#include "tests/support/temp_directory.hpp"

#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <fstream>
#include <map>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;
using nlohmann::json;

namespace {

using entry = std::map<std::string, std::string>;

/// The other side of the journal's socket.
class fake_journal {
public:
  fake_journal() {
    socket_ = kernel::unique_fd::adopt(
        ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::strncpy(at.sun_path, path.c_str(), sizeof at.sun_path - 1);
    REQUIRE(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&at), sizeof at)
            == 0);
  }

  /// The next entry; without fields if none comes within a moment.
  entry next() {
    timeval patience{0, 300'000};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience,
                 sizeof patience);
    std::string buffer(256 * 1024, '\0');
    auto n = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    entry out;
    std::size_t at = 0;
    while (n > 0 && at < static_cast<std::size_t>(n)) {
      auto end = buffer.find('\n', at);
      auto line = buffer.substr(at, end - at);
      auto equals = line.find('=');
      REQUIRE(equals != std::string::npos);
      out[line.substr(0, equals)] = line.substr(equals + 1);
      at = end + 1;
    }
    return out;
  }

  /// All that comes until nothing does.
  std::vector<std::string> messages() {
    std::vector<std::string> out;
    for (auto item = next(); !item.empty(); item = next())
      out.push_back(item["MESSAGE"]);
    return out;
  }

  temp_directory dir;
  std::string path = dir.path() + "/journal";

private:
  kernel::unique_fd socket_;
};

daemon_options to_journal(const fake_journal& at) {
  daemon_options out;
  out.log = "level = \"error\"\njournal = \"" + at.path + "\"";
  return out;
}

config::process_spec forwarding(const std::string& script,
                                config::log_forward where) {
  auto out = api_client::process("app", {"sh", "-c", script});
  out.log.forward = where;
  return out;
}

/// "1", "2" ... without a gap; what comes again goes on from there.
std::uint64_t last_of_sequence(const std::vector<std::string>& lines) {
  std::uint64_t last = 0;
  for (const auto& item : lines) {
    auto number = std::stoull(item);
    REQUIRE(number <= last + 1);
    last = std::max<std::uint64_t>(last, number);
  }
  return last;
}

} // namespace

TEST_CASE("forward: each line of a process is an entry of the journal",
          "[integration][forward]") {
  if (!is_root())
    return;
  fake_journal journal;
  daemon_process reeve{to_journal(journal)};
  reeve.create("web");
  reeve.run("web", forwarding("echo hello; sleep 0.2; printf 'a=b\\001\\n\\nno "
                              "end'; sleep 0.5; echo bad >&2",
                              config::log_forward::journald));
  auto first = journal.next();
  CHECK(first["MESSAGE"] == "hello");
  CHECK(first["PRIORITY"] == "6");
  CHECK(first["SYSLOG_IDENTIFIER"] == "web/app");
  CHECK(first["CONTAINER_NAME"] == "web");
  CHECK(first["REEVE_PROCESS"] == "app");
  CHECK(first["REEVE_STREAM"] == "out");
  CHECK(config::parse_time(first["SYSLOG_TIMESTAMP"]).value() > 0);
  CHECK(journal.next()["MESSAGE"] == "a=b\001");
  CHECK(journal.next()["MESSAGE"].empty());
  // The end of the process is that of its last line.
  std::map<std::string, std::string> rest;
  for (auto i = 0; i < 4 && rest.size() < 2; ++i) {
    auto item = journal.next();
    if (!item.empty())
      rest[item["REEVE_STREAM"] + item["PRIORITY"]] = item["MESSAGE"];
  }
  CHECK(rest == entry{{"out6", "no end"}, {"err3", "bad"}});
  // It is in the log as well.
  CHECK(reeve.output("web", "app") == "hello\na=b\001\n\nno end");
}

TEST_CASE("forward: no line is missing after daemons that were killed",
          "[integration][forward]") {
  if (!is_root())
    return;
  fake_journal journal;
  daemon_process reeve{to_journal(journal)};
  reeve.create("web");
  auto spec =
      forwarding("i=0; while [ -e /go ]; do i=$((i+1)); echo $i; sleep 0.002; "
                 "done; echo $((i+1))",
                 config::log_forward::journald);
  reeve.shell("web", "touch /go");
  reeve.run("web", spec);
  std::vector<std::string> lines;
  for (auto i = 0; i < 8; ++i) {
    auto some = journal.next();
    REQUIRE_FALSE(some.empty());
    lines.push_back(some["MESSAGE"]);
    reeve.kill();
    // What was sent before is there still.
    for (auto& item : journal.messages())
      lines.push_back(std::move(item));
    reeve.start();
  }
  reeve.shell("web", "rm /go");
  reeve.wait("web", "app");
  for (auto& item : journal.messages())
    lines.push_back(std::move(item));
  auto last = last_of_sequence(lines);
  CHECK(last > 100);
  CHECK_THAT(reeve.output("web", "app"),
             Catch::Matchers::EndsWith("\n" + std::to_string(last) + "\n"));
}

TEST_CASE("forward: a journal that is not there is waited for",
          "[integration][forward]") {
  if (!is_root())
    return;
  temp_directory dir;
  daemon_options options;
  auto err = memory_file();
  options.standard_error = err.get();
  options.log = "level = \"warning\"\njournal = \"" + dir.path() + "/none\"";
  daemon_process reeve{options};
  reeve.create("web");
  reeve.run("web", forwarding("seq 1 1000", config::log_forward::journald));
  CHECK(reeve.wait("web", "app").last == exit_reason::exited(0));
  eventually("it is told", [&] {
    return contents_of(err).find(
               "cannot forward the output of process 'app' of "
               "container 'web': send to the journal at "
               + dir.path() + "/none: No such file or directory")
           != std::string::npos;
  });
}

TEST_CASE("forward: a slow journal costs lines, or the process waits, as it is "
          "to be",
          "[integration][forward]") {
  if (!is_root())
    return;
  // Six times what is kept, and nobody reads meanwhile.
  constexpr auto lines = 3000U;
  auto spec = forwarding("i=0; while [ $i -lt " + std::to_string(lines)
                             + " ]; do i=$((i + 1)); printf '%d %1000d\\n' $i "
                               "$i; done",
                         config::log_forward::journald);
  spec.log.max_size = 256 * 1024;
  spec.log.max_files = 2;
  fake_journal journal;
  daemon_process reeve{to_journal(journal)};
  reeve.create("web");
  SECTION("drop") {
    reeve.run("web", spec);
    CHECK(reeve.wait("web", "app").last == exit_reason::exited(0));
    std::vector<std::string> got;
    auto last = std::to_string(lines) + " ";
    while (got.empty() || !got.back().starts_with(last))
      for (auto& item : journal.messages())
        got.push_back(std::move(item));
    CHECK(got.size() < lines);
    auto is_loss = [](const std::string& text) {
      return text.starts_with("reeve: ");
    };
    CHECK(std::count_if(got.begin(), got.end(), is_loss) > 0);
    std::uint64_t told = 0;
    for (const auto& item : got)
      if (is_loss(item))
        told += std::stoull(item.substr(7));
    eventually("the loss is counted", [&] {
      return reeve.process_of("web", "app").forward_dropped == told;
    });
    CHECK(reeve.process_of("web", "app").output_dropped == 0);
  }
  SECTION("block") {
    spec.log.overflow = config::log_overflow::block;
    reeve.run("web", spec);
    CHECK(reeve.ask<process_is>(wait_process{"web", "app", 1000}).info.phase
          == process_phase::running);
    auto got = journal.messages();
    CHECK(last_of_sequence(got) == lines);
    CHECK(got.size() == lines);
    CHECK(reeve.wait("web", "app").last == exit_reason::exited(0));
    CHECK(reeve.process_of("web", "app").forward_dropped == 0);
  }
}

TEST_CASE("forward: a container that removes itself does not go before its "
          "last line",
          "[integration][forward]") {
  if (!is_root())
    return;
  fake_journal journal;
  daemon_process reeve{to_journal(journal)};
  for (auto i = 0; i < 20; ++i) {
    auto spec = api_client::spec("brief");
    spec.remove_on_exit = true;
    spec.auto_stop = config::auto_stop::any_significant;
    auto app = forwarding("echo " + std::to_string(i) + "; printf end",
                          config::log_forward::journald);
    app.significant = true;
    spec.processes.push_back(app);
    reeve.create(spec);
    CHECK(journal.next()["MESSAGE"] == std::to_string(i));
    CHECK(journal.next()["MESSAGE"] == "end");
    eventually("it is gone", [&] { return reeve.container_names().empty(); });
  }
}

TEST_CASE("forward: the daemon's standard output has a line for each",
          "[integration][forward]") {
  if (!is_root())
    return;
  auto out = memory_file();
  daemon_options options;
  options.standard_output = out.get();
  SECTION("as text") {
    daemon_process reeve{options};
    reeve.create("web");
    reeve.run("web", forwarding("echo hello; sleep 0.2; echo bad >&2",
                                config::log_forward::standard_output));
    eventually("both are there", [&] {
      return contents_of(out).find(" web/app err bad\n") != std::string::npos;
    });
    auto text = contents_of(out);
    auto end = text.find(' ');
    CHECK(config::parse_time(text.substr(0, end)).has_value());
    CHECK_THAT(text.substr(end), StartsWith(" web/app out hello\n"));
  }
  SECTION("as JSON, whatever bytes they are") {
    options.log = "level = \"error\"\njson = true";
    daemon_process reeve{options};
    reeve.create("web");
    reeve.run("web", forwarding("printf 'a\"\\377\\n'",
                                config::log_forward::standard_output));
    eventually("it is there", [&] { return contents_of(out).ends_with("\n"); });
    auto line = json::parse(contents_of(out));
    CHECK(line["container"] == "web");
    CHECK(line["process"] == "app");
    CHECK(line["stream"] == "out");
    CHECK(line["message"] == "a\"\xef\xbf\xbd");
    CHECK(config::parse_time(line["time"].get<std::string>()).has_value());
  }
}

TEST_CASE("log: without one nobody's reading means waiting, or dropping that "
          "is counted",
          "[integration][forward]") {
  if (!is_root())
    return;
  daemon_process reeve;
  reeve.create("web");
  auto spec = api_client::process("app", {"seq", "1", "500000"});
  spec.log.mode = config::log_mode::none;
  SECTION("wait") {
    reeve.run("web", spec);
    CHECK(reeve.ask<process_is>(wait_process{"web", "app", 1000}).info.phase
          == process_phase::running);
    reeve.ask<process_is>(stop_process{"web", "app", 0});
  }
  SECTION("drop") {
    spec.log.overflow = config::log_overflow::drop;
    reeve.run("web", spec);
    CHECK(reeve.wait("web", "app").last == exit_reason::exited(0));
    constexpr std::uint64_t written = 3'388'895;
    auto info = reeve.wait("web", "app");
    auto kept = reeve.ask<output_chunk>(read_output{"web", "app"});
    CHECK(kept.offset > 0);
    CHECK(kept.end == written);
    eventually("its end was read", [&] {
      return reeve.wait("web", "app").output_dropped == kept.offset;
    });
  }
}
