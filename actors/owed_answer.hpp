// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/error.hpp"

#include <caf/mailbox_element.hpp>
#include <caf/result.hpp>
#include <caf/typed_response_promise.hpp>

#include <memory>
#include <utility>

namespace reeve::actors {

/// An answer that is owed. Copies share it; when the last one goes without an
/// answer, as with an actor that fails, the asker is told so: with CAF's own
/// promise it would wait until its own deadline.
template <class T>
class owed_answer {
public:
  owed_answer() = default;

  owed_answer(caf::typed_response_promise<T> from, bool is_asked)
      : debt_(std::make_shared<debt>(std::move(from), is_asked)) {}

  template <class Answer>
  void deliver(Answer&& answer) {
    if (debt_ && debt_->is_asked)
      debt_->owed.deliver(std::forward<Answer>(answer));
  }

  template <class Handle, class Message>
  void delegate(const Handle& to, Message&& what) {
    if (debt_)
      debt_->owed.delegate(to, std::forward<Message>(what));
  }

  /// What a handler returns.
  operator caf::result<T>() const {
    return debt_->owed;
  }

private:
  struct debt {
    debt(caf::typed_response_promise<T> from, bool asked)
        : owed(std::move(from)),
          is_asked(asked) {}
    debt(const debt&) = delete;
    debt& operator=(const debt&) = delete;

    ~debt() {
      if (is_asked && owed.pending())
        owed.deliver(make_error(errc::failed,
                                "who worked on it ended before it was done"));
    }

    caf::typed_response_promise<T> owed;
    bool is_asked; ///< an error that nobody asked for would end its receiver
  };

  std::shared_ptr<debt> debt_;
};

/// For the message that `self` is handling.
template <class T, class Self>
[[nodiscard]] owed_answer<T> owe(Self* self) {
  auto is_asked = self->current_mailbox_element()->mid.is_request();
  return {self->template make_response_promise<T>(), is_asked};
}

} // namespace reeve::actors
