// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/user_process.hpp"

#include "actors/error.hpp"
#include "tests/support/api_client.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/system_config.hpp"
#include "tests/support/temp_directory.hpp"

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <spdlog/logger.h>

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;
using namespace std::chrono_literals;

namespace {

using actors::known_process;
using actors::process_spawned;
using actors::shared_fd;
using kernel::unique_fd;

constexpr std::uint32_t serial = 5;

constexpr std::uint64_t number(std::uint64_t run) {
  return holder_number(serial, run);
}

/// How PID 1 tells of a run: with its descriptors, without, or with one for
/// its output that nobody can wait for.
enum class telling { whole, bare, useless };

/// One run as PID 1 keeps it.
struct kept_run {
  shared_fd out;
  unique_fd write; ///< the program's end
  shared_fd in;
  unique_fd read; ///< the program's end
  bool ended = false;
  telling how = telling::whole;
};

shared_fd shared(int fd) {
  REQUIRE(fd >= 0);
  return std::make_shared<unique_fd>(unique_fd::adopt(fd));
}

/// What the actor in front of PID 1 answers, and what it was told.
class fake_pid_one {
public:
  void add(std::uint64_t run, const std::string& written, bool ended,
           telling how) {
    std::array<int, 2> raw{};
    std::array<int, 2> in{};
    REQUIRE(::pipe2(raw.data(), O_CLOEXEC) == 0);
    REQUIRE(::pipe2(in.data(), O_CLOEXEC | O_NONBLOCK) == 0);
    auto item = kept_run{shared(raw[0]), unique_fd::adopt(raw[1]),
                         shared(in[1]),  unique_fd::adopt(in[0]),
                         ended,          how};
    REQUIRE(::write(item.write.get(), written.data(), written.size())
            == static_cast<ssize_t>(written.size()));
    if (ended)
      item.write.reset();
    std::lock_guard guard{mutex_};
    runs_[number(run)] = std::move(item);
  }

  void tell(std::uint64_t run, telling how) {
    std::lock_guard guard{mutex_};
    runs_.at(number(run)).how = how;
  }

  void end(std::uint64_t run) {
    std::lock_guard guard{mutex_};
    auto& item = runs_.at(number(run));
    item.ended = true;
    item.write.reset();
  }

  known_process describe(std::uint64_t process) {
    std::lock_guard guard{mutex_};
    ++asked_;
    const auto& item = runs_.at(process);
    known_process out;
    out.state.process = out.handles.process = process;
    out.state.ended = item.ended;
    out.handles.ns_pid = 3;
    out.handles.is_bare = item.how == telling::bare;
    if (out.handles.is_bare)
      return out;
    out.handles.stdout_end = item.how == telling::whole
                                 ? item.out
                                 : shared(::open("/", O_PATH | O_CLOEXEC));
    if (item.how == telling::whole)
      out.handles.stdin_end = item.in;
    if (!item.ended)
      out.handles.pidfd =
          shared(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
    return out;
  }

  /// What has come to the program.
  std::string input_of(std::uint64_t run) {
    std::lock_guard guard{mutex_};
    std::array<char, 64> text{};
    auto n = ::read(runs_.at(number(run)).read.get(), text.data(), text.size());
    return n > 0 ? std::string{text.data(), static_cast<std::size_t>(n)}
                 : std::string{};
  }

  [[nodiscard]] bool knows(std::uint64_t process) {
    std::lock_guard guard{mutex_};
    return runs_.count(process) != 0;
  }

  [[nodiscard]] unsigned asked() {
    std::lock_guard guard{mutex_};
    return asked_;
  }

  void release(std::uint64_t process) {
    std::lock_guard guard{mutex_};
    released_.insert(process);
  }

  [[nodiscard]] std::set<std::uint64_t> released() {
    std::lock_guard guard{mutex_};
    return released_;
  }

private:
  std::mutex mutex_;
  std::map<std::uint64_t, kept_run> runs_;
  unsigned asked_ = 0;
  std::set<std::uint64_t> released_;
};

actors::namespace_holder_actor::behavior_type
holder_behavior(actors::namespace_holder_actor::pointer, fake_pid_one* one) {
  return {
      [](actors::get_inventory) { return actors::holder_inventory{}; },
      [](const actors::seal_holder&) { return actors::holder_done{}; },
      [](const actors::configure_holder&) {
        return actors::holder_configured{};
      },
      [one](const actors::spawn_process& msg) {
        return one->describe(msg.order.process).handles;
      },
      [](const actors::signal_holder_process&) {
        return actors::holder_done{};
      },
      [](const actors::resize_holder_terminal&) {
        return actors::holder_done{};
      },
      [one](const actors::describe_process& msg) -> caf::result<known_process> {
        if (!one->knows(msg.order.process))
          return actors::make_error(actors::errc::not_found, "describe");
        return one->describe(msg.order.process);
      },
      [one](const actors::release_streams& msg) {
        one->release(msg.order.process);
      },
      [](const actors::listen_to_holder&) {},
      [](const actors::acknowledge_end&) {},
      [](const actors::annotate_process&) {},
      [](actors::quit_holder) {},
  };
}

/// A process actor between a container, which the test is, and a fake PID 1.
class process_fixture {
protected:
  process_fixture() {
    config_.set("scheduler.max-threads", 2);
    config_.set("logger.console", caf::atom("none"));
    system_ = std::make_unique<caf::actor_system>(config_);
    with_ = std::make_shared<services>();
    with_->log = std::make_shared<spdlog::logger>("silent");
    with_->streams = actors::poller::make("test-poller").value();
    with_->store = std::make_unique<state_store>(dir_.path());
    std::filesystem::create_directories(with_->store->directory_of("c1"));
    holder_ = system_->spawn(holder_behavior, &one_);
    user_process_options how;
    how.with = with_;
    how.container = "web";
    how.container_id = "c1";
    how.serial = serial;
    how.spec.id = "app";
    how.spec.argv = {"app"};
    how.spec.restart.type = config::restart_type::permanent;
    how.spec.restart.backoff_min = 1ms;
    how.on_change = [this](const process_change& change) {
      std::lock_guard guard{mutex_};
      info_ = change.info;
      acknowledged_.insert(change.ended.begin(), change.ended.end());
    };
    process_ = spawn_user_process(*system_, std::move(how));
    caf::anon_send(process_, use_holder{holder_, nullptr, 0});
  }

  ~process_fixture() {
    caf::anon_send_exit(process_, caf::exit_reason::user_shutdown);
    process_ = nullptr;
    holder_ = nullptr;
    system_.reset();
  }

  void adopt(std::uint64_t newest, const std::vector<std::uint64_t>& before) {
    adopt_process msg;
    msg.known = one_.describe(number(newest));
    for (auto run : before)
      msg.before.push_back(one_.describe(number(run)));
    caf::scoped_actor self{*system_};
    self->request(process_, 20s, msg)
        .receive([](const process_is&) {},
                 [](const caf::error& err) { FAIL(actors::text_of(err)); });
  }

  /// What its log has, without its end.
  [[nodiscard]] std::string output(std::int64_t wait_ms = 0) {
    auto got = read(wait_ms);
    CHECK_FALSE(got.at_end);
    return got.bytes;
  }

  [[nodiscard]] output_chunk read(std::int64_t wait_ms = 0) {
    output_chunk out;
    read_output query;
    query.wait_ms = wait_ms;
    caf::scoped_actor self{*system_};
    self->request(process_, 20s, query)
        .receive([&](output_chunk& got) { out = std::move(got); },
                 [](const caf::error& err) { FAIL(actors::text_of(err)); });
    return out;
  }

  /// It has been told again without getting any further.
  void await_another_try() {
    auto before = one_.asked();
    eventually("it asks again", [&] { return one_.asked() > before + 1; });
  }

  [[nodiscard]] process_info info() {
    std::lock_guard guard{mutex_};
    return info_;
  }

  [[nodiscard]] bool is_acknowledged(std::uint64_t run) {
    std::lock_guard guard{mutex_};
    return acknowledged_.count(number(run)) != 0;
  }

  [[nodiscard]] bool is_released(std::uint64_t run) {
    return one_.released().count(number(run)) != 0;
  }

  void end(std::uint64_t run) {
    one_.end(run);
    caf::anon_send(process_, end_process{number(run), {}});
  }

  fake_pid_one one_;
  system_config config_;
  temp_directory dir_;
  std::mutex mutex_;
  process_info info_;
  std::set<std::uint64_t> acknowledged_;
  std::unique_ptr<caf::actor_system> system_;
  std::shared_ptr<services> with_;
  actors::namespace_holder_actor holder_;
  user_process_actor process_;
};

} // namespace

TEST_CASE_METHOD(process_fixture,
                 "user process: what did not come with its adoption is asked "
                 "for until it is there",
                 "[supervisor][user_process]") {
  one_.add(2, "two", false, telling::bare);
  adopt(2, {});
  await_another_try();
  CHECK(info().phase == process_phase::running);
  CHECK(info().pid == 0);
  CHECK(output() == ""); // and this is not its end
  one_.tell(2, telling::whole);
  CHECK(output(10'000) == "two");
  eventually("its pid is known", [&] { return info().pid == ::getpid(); });
  CHECK_FALSE(is_released(2));
}

TEST_CASE_METHOD(process_fixture,
                 "user process: what it has it keeps while the rest is asked "
                 "for",
                 "[supervisor][user_process]") {
  one_.add(2, "two", false, telling::useless);
  adopt(2, {});
  CHECK(info().pid == ::getpid());
  one_.tell(2, telling::bare);
  await_another_try();
  CHECK(info().pid == ::getpid());
  one_.tell(2, telling::whole);
  CHECK(output(10'000) == "two");
  CHECK_FALSE(is_released(2));
}

TEST_CASE_METHOD(process_fixture,
                 "user process: what is written before its input came waits, "
                 "and is written once",
                 "[supervisor][user_process]") {
  one_.add(1, "one ", true, telling::whole);
  one_.add(2, "two", false, telling::bare);
  adopt(2, {1});
  caf::scoped_actor self{*system_};
  write_input text;
  text.bytes = "hello";
  auto written = self->request(process_, 20s, text);
  await_another_try();
  CHECK(one_.input_of(2).empty());
  one_.tell(2, telling::whole);
  written.receive([](const process_is&) {},
                  [](const caf::error& err) { FAIL(actors::text_of(err)); });
  CHECK(one_.input_of(2) == "hello");
  CHECK(one_.input_of(1).empty());
  eventually("all is there", [&] { return output() == "one two"; });
}

TEST_CASE_METHOD(process_fixture,
                 "user process: what is left of earlier runs comes first, and "
                 "nothing is released before",
                 "[supervisor][user_process]") {
  one_.add(1, "one ", true, telling::bare);
  one_.add(2, "two ", true, telling::whole);
  one_.add(3, "three", false, telling::whole);
  adopt(3, {1, 2});
  await_another_try();
  CHECK(output() == "");
  CHECK(one_.released().empty());
  // Told late, as of one that nobody asks for any more: no reason to drop it.
  caf::anon_send(process_, end_process{number(1), {}});
  await_another_try();
  CHECK(one_.released().empty());
  one_.tell(1, telling::whole);
  CHECK(output(10'000).starts_with("one ")); // who waits is told at once
  eventually("all is there", [&] { return output() == "one two three"; });
  eventually("PID 1 need not keep it any more",
             [&] { return is_released(1) && is_released(2); });
  CHECK_FALSE(is_released(3));
  eventually("they may be forgotten",
             [&] { return is_acknowledged(1) && is_acknowledged(2); });
}

TEST_CASE_METHOD(process_fixture,
                 "user process: a run that ends before its output came loses "
                 "none to its successor",
                 "[supervisor][user_process]") {
  one_.add(1, "one ", false, telling::bare);
  one_.add(2, "two", false, telling::whole);
  adopt(1, {});
  end(1);
  eventually("its successor runs", [&] { return info().restarts == 1; });
  await_another_try();
  CHECK(output() == "");
  CHECK_FALSE(is_released(1));
  one_.tell(1, telling::whole);
  eventually("all is there", [&] { return output() == "one two"; });
  eventually("PID 1 need not keep it any more", [&] { return is_released(1); });
  CHECK(is_acknowledged(1));
  CHECK_FALSE(is_released(2));
}

TEST_CASE_METHOD(process_fixture,
                 "user process: a last run that ended before its output came "
                 "is released when that was read",
                 "[supervisor][user_process]") {
  one_.add(1, "one", true, telling::bare);
  caf::anon_send(process_, restore_end{exit_reason::exited(0), 1});
  adopt(1, {});
  await_another_try();
  CHECK(output() == "");
  CHECK_FALSE(is_released(1));
  one_.tell(1, telling::whole);
  eventually("all is there, and its end", [&] {
    auto got = read();
    return got.bytes == "one" && got.at_end;
  });
  eventually("PID 1 need not keep it any more", [&] { return is_released(1); });
}

TEST_CASE_METHOD(process_fixture,
                 "user process: what PID 1 does not know any more is not "
                 "waited for",
                 "[supervisor][user_process]") {
  one_.add(1, "one ", true, telling::whole);
  one_.add(2, "two", false, telling::whole);
  adopt_process msg;
  msg.known = one_.describe(number(2));
  known_process lost;
  lost.state.process = number(0);
  lost.state.ended = lost.handles.is_bare = true;
  msg.before = {lost, one_.describe(number(1))};
  caf::scoped_actor self{*system_};
  self->send(process_, msg);
  eventually("the rest is there", [&] { return output() == "one two"; });
}
