// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/failure.hpp"

#include "actors/error.hpp"

#include <caf/atom.hpp>
#include <caf/exit_reason.hpp>
#include <caf/local_actor.hpp>
#include <caf/response_promise.hpp>
#include <caf/sec.hpp>

#include <stdexcept>

#ifdef REEVE_FAULT_POINTS
#include <atomic>
#include <cstdlib>
#include <mutex>
#endif

namespace reeve::actors {

bool is_failure(const caf::error& reason) {
  if (!reason)
    return false;
  return reason.category() != caf::atom("exit")
         || reason == caf::exit_reason::unhandled_exception;
}

bool says_of_failure(const caf::error& answer) {
  if (!answer)
    return false;
  return code_of(answer) == errc::failed
         || answer == caf::sec::request_receiver_down;
}

caf::error error_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& err) {
    return make_error(errc::failed, err.what());
  } catch (...) {
    return make_error(errc::failed, "an exception without words");
  }
}

void answer_with(caf::local_actor& self, const caf::error& why) {
  auto owed = self.make_response_promise();
  if (!owed.async()) // an error that nobody asked for would end its receiver
    owed.deliver(why);
}

#ifdef REEVE_FAULT_POINTS

namespace {

struct armed_fault {
  std::mutex mutex;
  std::string actor;
  unsigned left = 0;
};

armed_fault& the_fault() {
  static armed_fault fault;
  return fault;
}

std::atomic<bool> is_armed{false}; // all that is looked at otherwise

} // namespace

void arm_fault(const std::string& actor, unsigned nth) {
  auto& fault = the_fault();
  std::lock_guard guard{fault.mutex};
  fault.actor = actor;
  fault.left = nth;
  is_armed = nth > 0;
}

bool fault_has_happened() {
  return !is_armed;
}

namespace {

unsigned faults_every() {
  const auto* text = std::getenv("REEVE_FAULT_EVERY");
  return text == nullptr
             ? 0
             : static_cast<unsigned>(std::strtoul(text, nullptr, 10));
}

} // namespace

void fault_point(const char* actor) {
  static const auto every = faults_every();
  static std::atomic<unsigned> handled{0};
  // Of every so many one, but not in step with what is done again and again.
  constexpr auto golden = 2'654'435'761U; // a hash by multiplication
  if (every != 0 && (++handled * golden >> 8U) % every == 0)
    throw std::runtime_error{"its turn to fail has come"};
  if (!is_armed.load(std::memory_order_relaxed))
    return;
  auto& fault = the_fault();
  std::lock_guard guard{fault.mutex};
  if (fault.left == 0 || fault.actor != actor || --fault.left > 0)
    return;
  is_armed = false;
  throw std::runtime_error{"a test made it fail"};
}

#endif

} // namespace reeve::actors
