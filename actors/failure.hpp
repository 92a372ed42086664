// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <caf/error.hpp>
#include <caf/fwd.hpp>

#include <exception>
#include <string>

/// How an actor fails: a handler throws, the actor ends with the exception's
/// words as its reason, and who watches it starts another one, which adopts
/// what the kernel has. An end that was ordered is no failure.
namespace reeve::actors {

/// Whether an actor that ended with this reason has failed.
[[nodiscard]] bool is_failure(const caf::error& reason);

/// Whether such an answer means that the actor that was asked has failed, and
/// not that it refuses.
[[nodiscard]] bool says_of_failure(const caf::error& answer);

/// The words of an exception as a reason to end with.
[[nodiscard]] caf::error error_of(const std::exception_ptr& thrown);

#ifdef REEVE_FAULT_POINTS

/// In builds for tests. With REEVE_FAULT_EVERY=N in the environment every Nth
/// message that any actor handles ends it with an exception. And: the `nth`
/// message from now (1: the next) that an actor of this name handles ends it
/// with an exception, once. Any thread.
void arm_fault(const std::string& actor, unsigned nth = 1);

/// Whether the fault that was armed last has happened.
[[nodiscard]] bool fault_has_happened();

void fault_point(const char* actor);

#else

inline void fault_point(const char*) {}

#endif

/// What the handlers of an actor reach its state through: a point where a test
/// can make it fail.
template <class State>
class handlers_of {
public:
  explicit handlers_of(State& state) : state_(&state) {}

  State* operator->() const {
    fault_point(State::name);
    return state_;
  }

private:
  State* state_;
};

/// Answers the message that the actor is handling, if nobody has yet.
void answer_with(caf::local_actor& self, const caf::error& why);

/// For the behavior of a stateful actor, which fails with words from here on:
/// CAF itself would print them to standard output, which is our host's.
template <class Self>
auto handlers_for(Self* self) {
  self->set_exception_handler([self](std::exception_ptr& thrown) {
    auto why = error_of(thrown);
    answer_with(*self, why); // else the asker would wait for ever
    return why;
  });
  return handlers_of{self->state};
}

} // namespace reeve::actors
