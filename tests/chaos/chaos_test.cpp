// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// Whatever of Reeve is killed, at whatever moment, what its containers run is
// neither lost nor doubled, and nobody else in them notices.

#include "tests/support/catch.hpp"
#include "tests/support/daemon_process.hpp"
#include "tests/support/host_snapshot.hpp"
#include "tests/support/kernel_fault.hpp"
#include "tests/support/kernel_view.hpp"
#include "tests/support/memory_file.hpp"
#include "tests/support/patience.hpp"
#include "tests/support/setting.hpp"
#include "tests/support/skip.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <deque>
#include <exception>
#include <iostream>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

using namespace reeve;
using namespace reeve::supervisor;
using namespace reeve::tests;
using namespace std::chrono_literals;

namespace {

using std::chrono::microseconds;
using clock_type = std::chrono::steady_clock;

// Goes on from the number in its file, whoever has killed it.
config::process_spec counter(const std::string& id) {
  auto out = api_client::process(
      id, {"sh", "-c",
           "i=$(cat /" + id
               + " 2>/dev/null || echo 0); while :; do"
                 " i=$((i+1)); echo $i; echo $i > /"
               + id
               + ".new;"
                 " mv /"
               + id + ".new /" + id + "; sleep 0.02; done"});
  out.restart.type = config::restart_type::permanent;
  out.restart.max_restarts = 1'000'000;
  out.restart.backoff_min = 1ms;
  out.restart.backoff_max = 20ms;
  return out;
}

config::container_spec with(const std::string& name,
                            std::vector<config::process_spec> processes) {
  auto out = api_client::spec(name);
  out.processes = std::move(processes);
  out.on_holder_death = config::holder_death::rebuild;
  out.supervision.max_rebuilds = 1'000'000;
  return out;
}

// One that the other needs, and which are restarted together.
config::container_spec grouped(const std::string& name) {
  auto back = counter("back");
  back.ready =
      config::readiness{.command = {"test", "-e", "/back"}, .interval = 10ms};
  auto front = counter("front");
  front.after = {"back"};
  front.argv.back().insert(0, "echo >&3; ");
  front.ready = config::readiness{.fd = 3};
  auto out = with(name, {front, back});
  out.supervision.strategy = config::restart_strategy::one_for_all;
  return out;
}

struct sequence {
  long last = 0;
  unsigned repeated = 0; ///< once more than it should be
  unsigned missing = 0;
};

sequence sequence_in(const std::string& text) {
  sequence out;
  std::istringstream in{text.substr(0, text.rfind('\n') + 1)};
  for (long next = 0; in >> next; out.last = next) {
    if (next == out.last)
      ++out.repeated;
    else if (next != out.last + 1)
      ++out.missing;
  }
  return out;
}

struct figures {
  unsigned daemons = 0;
  unsigned daemons_at_start = 0; ///< of them, before they answered
  unsigned upgrades = 0;         ///< some of them killed on the way
  unsigned failed_calls = 0;
  unsigned refused_starts = 0; ///< for one of those
  unsigned helpers = 0;
  unsigned processes = 0;
  unsigned grouped = 0; ///< processes that take another one along
  unsigned holders = 0;
  unsigned jobs = 0;
  unsigned containers = 0; ///< made and destroyed
  std::chrono::milliseconds longest_absence{0};
};

/// One Reeve that is never left alone.
class chaos {
public:
  enum class also_fails { nothing, actors, kernel_calls };

  chaos(unsigned seed, also_fails what)
      : random_(seed),
        fails_(what),
        reeve_(options_for(what)) {
    make(with("steady", {counter("count"), counter("other")}));
    make(with("killed", {counter("a"), counter("b")}));
    make(with("rebuilt", {counter("count")}));
    make(grouped("grouped"));
    make(with("jobs", {}));
    for (const auto* id : {"count", "other"})
      steady_[id] = process("steady", id).pid;
    if (what == also_fails::kernel_calls) {
      reeve_.options().standard_error = errors_.get();
      reeve_.put_up_with_refusals(true);
    }
  }

  chaos(const chaos&) = delete;
  chaos& operator=(const chaos&) = delete;

  ~chaos() {
    auto said = contents_of(errors_);
    constexpr std::size_t most = 4'000;
    if (std::uncaught_exceptions() > 0)
      std::cout << "The last that a daemon said:\n"
                << said.substr(said.size() - std::min(said.size(), most))
                << "\n";
    for (const auto& item : faults_)
      if (std::uncaught_exceptions() > 0 && !item.text().empty())
        std::cout << item.text() << "\n";
    faults_.clear(); // before anybody looks for what is left
  }

  void run(unsigned kills) {
    while (happened_.daemons < kills) {
      switch (pick(5)) {
      case 0:
        kill_a_process();
        break;
      case 1:
        kill_a_holder();
        break;
      case 2:
        kill_a_helper();
        break;
      default:
        break;
      }
      auto job = begin_job();
      auto made = begin_container();
      wait(30'000);
      if (pick(6) == 0)
        upgrade_the_daemon();
      else
        kill_the_daemon();
      finish(job);
      finish(made);
      if (!made.spec.name.empty()) {
        if (pick(2) == 0)
          rebuild(made.spec.name);
        destroy(made.spec.name);
      }
    }
  }

  void check() {
    auto calls_fail = fails_ == also_fails::kernel_calls;
    fails_ = also_fails::nothing;
    reeve_.options().environment.clear();
    reeve_.options().standard_error = -1;
    kill_the_daemon();
    reeve_.put_up_with_refusals(false);
    happened_.failed_calls = static_cast<unsigned>(std::ranges::count_if(
        faults_, [](const auto& item) { return !item.text().empty(); }));
    CHECK((happened_.failed_calls > 0) == calls_fail);
    for (const auto& [container, id] : permanent_)
      eventually(container + "/" + id + " runs", [&, c = container, i = id] {
        auto now = process(c, i);
        return now.phase == process_phase::running && is_alive(now.pid);
      });
    for (const auto& [id, pid] : steady_) {
      INFO("steady/" << id);
      CHECK(process("steady", id).pid == pid);
      CHECK(is_alive(pid));
      auto seen = sequence_in(output("steady", id));
      CHECK(seen.last > 0);
      CHECK(seen.repeated == 0);
      CHECK(seen.missing == 0);
    }
    unsigned repeated = 0;
    for (const auto* id : {"a", "b"}) {
      INFO("killed/" << id);
      auto seen = sequence_in(output("killed", id));
      CHECK(seen.last > 0);
      CHECK(seen.missing == 0);
      repeated += seen.repeated;
    }
    CHECK(repeated <= happened_.processes); // each dies between two steps
    auto seen = sequence_in(output("rebuilt", "count"));
    CHECK(seen.last > 0);
    CHECK(seen.repeated + seen.missing <= happened_.holders);
    for (const auto* id : {"back", "front"}) {
      INFO("grouped/" << id);
      auto all = sequence_in(output("grouped", id));
      CHECK(all.last > 0);
      CHECK(all.missing == 0);
      eventually("it is ready", [&] { return process("grouped", id).ready; });
    }
    check_jobs();
    for (const auto* container :
         {"steady", "killed", "rebuilt", "grouped", "jobs"})
      check_processes(container);
  }

  [[nodiscard]] const figures& happened() const {
    return happened_;
  }

private:
  static daemon_options options_for(also_fails what) {
    daemon_options out;
    if (what == also_fails::actors)
      out.environment = {"REEVE_FAULT_EVERY=60"};
    if (what != also_fails::nothing)
      out.log = "level = \"off\"";
    return out;
  }

  static std::string to_string(const container_details& all) {
    std::ostringstream out;
    out << name_of(all.info.phase) << ", PID 1 " << all.info.pid;
    for (const auto& text : all.info.problems)
      out << "; " << text;
    for (const auto& item : all.processes)
      out << "; " << item.process << " " << name_of(item.phase) << " "
          << item.pid << ", last " << supervisor::to_string(item.last);
    return out.str();
  }

  container_details details(const std::string& container) {
    return reeve_.insist<container_details>(get_container{container});
  }

  process_info process(const std::string& container, const std::string& id) {
    for (auto& item : details(container).processes)
      if (item.process == id)
        return item;
    FAIL("there is no process " << container << "/" << id);
    return {};
  }

  std::string output(const std::string& container, const std::string& id) {
    std::string out;
    for (;;) {
      read_output next{container, id};
      next.offset = out.size();
      auto got = reeve_.insist<output_chunk>(next);
      if (got.bytes.empty())
        return out;
      out += got.bytes;
    }
  }

  void make(const config::container_spec& spec) {
    reeve_.insist<container_created>(
        create_container{++last_command_, spec, false});
  }

  std::vector<std::string> names() {
    std::vector<std::string> out;
    for (auto& item :
         reeve_.insist<container_list>(list_containers{}).containers)
      out.push_back(item.container);
    return out;
  }

  unsigned pick(unsigned n) {
    return std::uniform_int_distribution<unsigned>{0, n - 1}(random_);
  }

  void wait(unsigned at_most_us) {
    std::this_thread::sleep_for(patiently(microseconds{pick(at_most_us)}));
  }

  void kill_a_process() {
    if (pick(3) == 0) {
      auto one = process("grouped", pick(2) == 0 ? "back" : "front");
      if (one.pid > 0 && ::kill(one.pid, SIGKILL) == 0)
        ++happened_.grouped;
      return;
    }
    auto now = process("killed", pick(2) == 0 ? "a" : "b");
    if (now.pid > 0 && ::kill(now.pid, SIGKILL) == 0)
      ++happened_.processes;
  }

  void kill_a_holder() {
    auto pid = details("rebuilt").info.pid;
    if (pid > 0 && ::kill(pid, SIGKILL) == 0)
      ++happened_.holders;
  }

  void kill_a_helper() {
    auto all = helpers_called(pick(2) == 0 ? "reeve-zygote" : "reeve-broker");
    if (!all.empty() && ::kill(all.front(), SIGKILL) == 0)
      ++happened_.helpers;
  }

  void kill_the_daemon() {
    auto since = clock_type::now();
    reeve_.kill();
    ++happened_.daemons;
    for (auto n = pick(3); n > 0; --n) {
      let_a_call_fail();
      reeve_.start_for(patiently(microseconds{pick(60'000)}));
      ++happened_.daemons;
      ++happened_.daemons_at_start;
      since = clock_type::now();
    }
    start_the_daemon();
    (void)names();
    auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
        clock_type::now() - since);
    happened_.longest_absence = std::max(happened_.longest_absence, took);
  }

  // One call to the kernel of each daemon does, and may be one that it cannot
  // begin without; or one of each helper, and of each PID 1 that is born then.
  void let_a_call_fail() {
    if (fails_ != also_fails::kernel_calls)
      return;
    struct life {
      const char* helper; ///< empty: the daemon
      unsigned calls;     ///< or so
    };
    constexpr std::array<life, 6> lives{{{"", 600},
                                         {"", 600},
                                         {"", 600},
                                         {"reeve-zygote", 150},
                                         {"reeve-broker", 400},
                                         {"reeve-holder", 300}}};
    auto whose = lives.at(pick(lives.size()));
    if (!faults_.empty())
      faults_.back().close();
    auto& fault = faults_.emplace_back(whose.helper, 1 + pick(whose.calls));
    reeve_.options().environment = fault.environment();
  }

  void start_the_daemon() {
    if (fails_ != also_fails::kernel_calls)
      return reeve_.start();
    for (auto tries = 1;; ++tries) {
      let_a_call_fail();
      if (reeve_.try_start())
        return;
      ++happened_.refused_starts;
      if (tries == 20)
        FAIL("twenty daemons in a row did not come up");
    }
  }

  // Or kills it on the way.
  void upgrade_the_daemon() {
    ++happened_.upgrades;
    auto before = reeve_.insist<daemon_info>(get_daemon{}).started_ms;
    (void)reeve_.answer<daemon_upgrading>(upgrade_daemon{}, patiently(2s));
    if (fails_ != also_fails::nothing || pick(2) == 0) {
      wait(60'000);
      return kill_the_daemon();
    }
    eventually("another one has its place", [&] {
      reeve_.connect();
      auto now = reeve_.answer<daemon_info>(get_daemon{}, patiently(500ms));
      return now && now->started_ms != before;
    });
  }

  run_process begin_job() {
    auto id = "job-" + std::to_string(++last_command_);
    auto spec = api_client::process(
        id, {"sh", "-c", "echo " + id + " >> /jobs; exit 7"});
    auto out = run_process{last_command_, "jobs", spec, false};
    reeve_.tell(out);
    ++happened_.jobs;
    return out;
  }

  // Whoever has no answer asks again.
  void finish(const run_process& job) {
    eventually("job " + job.spec.id + " is run",
               [&] { return reeve_.complaint<process_started>(job).empty(); });
    eventually("job " + job.spec.id + " ends", [&] {
      return process("jobs", job.spec.id).last == exit_reason::exited(7);
    });
    eventually("job " + job.spec.id + " is removed", [&] {
      auto why =
          reeve_.complaint<process_is>(remove_process{"jobs", job.spec.id});
      return why.empty() || why.find("has no process") != std::string::npos;
    });
    CHECK(details("jobs").processes.empty());
  }

  create_container begin_container() {
    create_container out;
    if (pick(3) != 0)
      return out;
    out.command = ++last_command_;
    out.spec = with("made", {counter("count"), api_client::sleeper("once")});
    reeve_.tell(out);
    ++happened_.containers;
    return out;
  }

  void finish(const create_container& made) {
    if (made.spec.name.empty())
      return;
    eventually("a container is made", [&] {
      return reeve_.complaint<container_created>(made).empty();
    });
    // What did not come from PID 1 with the adoption comes later.
    eventually(
        "the children of its PID 1 are the processes of the listing",
        [&] {
          auto now = details("made");
          auto children = children_of(now.info.pid);
          return children.size() == now.processes.size()
                 && std::ranges::all_of(now.processes, [&](const auto& item) {
                      return item.phase == process_phase::running
                             && std::ranges::count(children, item.pid) == 1;
                    });
        },
        [&] { return to_string(details("made")); });
  }

  // Its first death: the next container is there at once.
  void rebuild(const std::string& name) {
    auto pid_1 = details(name).info.pid;
    if (::kill(pid_1, SIGKILL) == 0)
      ++happened_.holders;
    wait(5'000);
    kill_the_daemon();
    eventually(
        "'" + name + "' is built again",
        [&] {
          auto now = details(name).info;
          return now.phase == container_phase::running && now.pid != pid_1
                 && is_alive(process(name, "count").pid);
        },
        [&] { return to_string(details(name)); },
        // With what fails it may take some tries, and pauses.
        fails_ == also_fails::nothing ? 10s : 60s);
    CHECK(process(name, "once").last == exit_reason::lost());
  }

  void destroy(const std::string& name) {
    reeve_.tell(destroy_container{name, true, 0});
    wait(10'000);
    kill_the_daemon();
    eventually("it is destroyed", [&] {
      (void)reeve_.complaint<container_is>(destroy_container{name, true, 0});
      return std::ranges::count(names(), name) == 0;
    });
  }

  void check_jobs() {
    auto pid_1 = details("jobs").info.pid;
    std::istringstream in{
        read_file("/proc/" + std::to_string(pid_1) + "/root/jobs")};
    std::map<std::string, unsigned> times;
    for (std::string line; std::getline(in, line);)
      ++times[line];
    CHECK(times.size() == happened_.jobs);
    for (const auto& [job, count] : times) {
      INFO(job);
      CHECK(count == 1);
    }
  }

  // No orphan, no zombie, nobody twice.
  void check_processes(const std::string& container) {
    INFO(container);
    auto now = details(container);
    std::vector<pid_t> known;
    for (const auto& item : now.processes)
      if (item.pid > 0)
        known.push_back(item.pid);
    std::ranges::sort(known);
    eventually("PID 1 has these children and no other", [&] {
      auto children = all_children_of(now.info.pid);
      std::ranges::sort(children);
      return children == known;
    });
  }

  const std::vector<std::pair<std::string, std::string>> permanent_{
      {"steady", "count"}, {"steady", "other"},  {"killed", "a"},
      {"killed", "b"},     {"rebuilt", "count"}, {"grouped", "back"},
      {"grouped", "front"}};

  std::mt19937 random_;
  also_fails fails_;
  kernel::unique_fd errors_ = memory_file(); ///< what daemons say on them
  std::deque<kernel_fault> faults_;          ///< one for each daemon
  daemon_process reeve_;
  std::map<std::string, pid_t> steady_;
  std::uint64_t last_command_ = 0;
  figures happened_;
};

} // namespace

TEST_CASE("chaos: whatever is killed, whenever, nothing that runs is lost or "
          "doubled",
          "[chaos]") {
  if (!is_root())
    return;
  auto kills = setting("REEVE_CHAOS_KILLS", 60);
  auto seed = setting("REEVE_CHAOS_SEED", 1);
  INFO("seed " << seed);
  auto fails = chaos::also_fails::nothing;
  auto title = std::string{"its daemon is killed"};
  SECTION("its daemon, helpers, holders and processes") {}
#ifdef REEVE_FAULT_POINTS
  SECTION("and its actors fail as well") {
    title = "its actors fail as well";
    fails = chaos::also_fails::actors;
  }
  SECTION("and its calls to the kernel fail as well") {
    title = "its calls to the kernel fail as well";
    fails = chaos::also_fails::kernel_calls;
  }
#endif
  chaos one{seed, fails};
  one.run(kills);
  one.check();
  const auto& all = one.happened();
  std::cout << "chaos, " << title << ", seed " << seed << ": killed "
            << all.daemons << " daemons (" << all.daemons_at_start
            << " before they answered), upgraded " << all.upgrades
            << " times, let " << all.failed_calls << " calls fail, of which "
            << all.refused_starts << " cost a daemon its start; killed "
            << all.helpers << " helpers, " << all.processes + all.grouped
            << " processes (" << all.grouped << " that take another along), "
            << all.holders << " PID 1s; ran " << all.jobs << " jobs and made "
            << all.containers << " containers meanwhile; longest absence "
            << all.longest_absence.count() << " ms\n";
}
