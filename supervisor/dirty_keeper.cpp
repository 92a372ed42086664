// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/dirty_keeper.hpp"

#include "config/units.hpp"
#include "kernel-iface/dirty_pages.hpp"

#include <spdlog/logger.h>

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <system_error>
#include <thread>
#include <utility>

namespace reeve::supervisor {

namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;
using std::chrono::microseconds;
using freezing = kernel::shared_freezer::reason;

// As fast as memory is written to: before that there is nothing to see.
constexpr auto bytes_per_us = std::uint64_t{8000};
constexpr auto shortest_pause = microseconds{500};
constexpr auto longest_pause = microseconds{100'000};
constexpr auto rest_after_failure = 1s;
constexpr auto most_rounds = 3;

/// The number of the kernel may be wrong by that much.
std::uint64_t lag() {
  constexpr auto batch = 64; // MEMCG_CHARGE_BATCH, pages of each processor
  return batch * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE))
         * static_cast<std::uint64_t>(
             std::max(::sysconf(_SC_NPROCESSORS_ONLN), 1L));
}

/// Who is late lets a whole limit through while others have their turn on the
/// processor. It fails without CAP_SYS_NICE, and then it is so. Not for work
/// that takes long.
void take_precedence(bool does) {
  sched_param how{};
  how.sched_priority = does ? ::sched_get_priority_min(SCHED_RR) : 0;
  ::pthread_setschedparam(::pthread_self(), does ? SCHED_RR : SCHED_OTHER,
                          &how);
}

} // namespace

struct dirty_keeper::shared {
  explicit shared(dirty_keeper_options options, std::uint64_t bytes)
      : how(std::move(options)),
        limit(bytes),
        meter(*how.cgroup),
        files(how.layer) {}

  void run() {
    ::pthread_setname_np(::pthread_self(), "reeve-dirty");
    take_precedence(true);
    while (!stops)
      std::this_thread::sleep_for(look());
  }

  // The pause until the next one.
  microseconds look() {
    auto most = limit.load();
    auto now = meter.read();
    if (!now) {
      complain(to_string(now.error()));
      return rest_after_failure;
    }
    auto enough = std::max(most / 4, 2 * lag());
    if (*now >= enough && clock::now() >= rests_until)
      now = hold_back(enough);
    else if (*now < enough)
      is_told = false;
    auto left = most - std::min(now.value_or(most), most);
    return std::clamp(microseconds{left / bytes_per_us}, shortest_pause,
                      longest_pause);
  }

  // Until all is written that there is to write. To begin before, while they go
  // on, would keep us busy with what they write meanwhile.
  kernel::result<std::uint64_t> hold_back(std::uint64_t enough) {
    if (auto done = how.freezer->freeze(freezing::dirty_pages); !done)
      complain(to_string(done.error()));
    take_precedence(false);
    auto left = kernel::result<std::uint64_t>{enough};
    std::string why;
    for (auto i = 0; i < most_rounds && left && *left >= enough; ++i) {
      if (auto done = files.write(); !done)
        why = ": " + to_string(done.error());
      left = meter.read();
    }
    take_precedence(true);
    if (auto done = how.freezer->thaw(freezing::dirty_pages); !done)
      complain(to_string(done.error()));
    if (left && *left >= enough) {
      rests_until = clock::now() + rest_after_failure;
      complain(config::format_size(*left)
               + " are to be written that are not of its files, or of files "
                 "without a name"
               + why);
    }
    return left;
  }

  void complain(const std::string& why) {
    if (!stops && !std::exchange(is_told, true))
      how.log->warn("container '{}' cannot be kept below its dirty.limit: {}",
                    how.container, why);
  }

  dirty_keeper_options how;
  std::atomic<std::uint64_t> limit;
  std::atomic<bool> stops{false};

  // Of the thread:
  kernel::dirty_meter meter;
  kernel::tree_writer files;
  clock::time_point rests_until;
  bool is_told = false; ///< what is wrong now
};

kernel::result<std::unique_ptr<dirty_keeper>>
dirty_keeper::start(dirty_keeper_options how, std::uint64_t bytes) {
  auto with = std::make_shared<shared>(std::move(how), bytes);
  try {
    std::thread{[with] {
      try {
        with->run();
      } catch (const std::exception& err) { // no memory is left
        with->complain(err.what());
      }
    }}.detach();
  } catch (const std::system_error& err) {
    return kernel::make_error(err.code().value(),
                              "start a thread for dirty.limit");
  }
  return std::unique_ptr<dirty_keeper>{new dirty_keeper{std::move(with)}};
}

dirty_keeper::dirty_keeper(std::shared_ptr<shared> with)
    : with_(std::move(with)) {}

dirty_keeper::~dirty_keeper() {
  with_->stops = true;
}

void dirty_keeper::limit_to(std::uint64_t bytes) {
  with_->limit = bytes;
}

} // namespace reeve::supervisor
