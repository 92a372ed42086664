// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/owed_answer.hpp"

#include <caf/error.hpp>
#include <caf/result.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace reeve::supervisor {

/// Asks `to` all of them, a few at the same time, and answers with what
/// `finish` makes of `All` when the last one is answered. `take(all, i, reply)`
/// and `fail(all, i, error)` put in what has come for the request with the
/// number `i`, in any order.
template <class Reply, class All, class Self, class To, class Request,
          class Take, class Fail, class Finish>
class gathering
    : public std::enable_shared_from_this<
          gathering<Reply, All, Self, To, Request, Take, Fail, Finish>> {
public:
  gathering(Self* self, To to, std::vector<Request> requests, All so_far,
            Take take, Fail fail, Finish finish)
      : self_(self),
        to_(std::move(to)),
        requests_(std::move(requests)),
        all_(std::move(so_far)),
        take_(take),
        fail_(fail),
        finish_(finish),
        promise_(actors::owe<All>(self)) {}

  caf::result<All> begin() {
    constexpr auto at_a_time = std::size_t{16};
    if (requests_.empty())
      promise_.deliver(std::move(all_));
    while (next_ < std::min(at_a_time, requests_.size()))
      ask_next();
    return promise_;
  }

private:
  void ask_next() {
    auto i = next_++;
    auto me = this->shared_from_this();
    self_->request(to_, caf::infinite, std::move(requests_[i]))
        .then(
            [me, i](Reply& reply) {
              me->take_(me->all_, i, std::move(reply));
              me->done();
            },
            [me, i](const caf::error& err) {
              me->fail_(me->all_, i, err);
              me->done();
            });
  }

  void done() {
    if (next_ < requests_.size())
      ask_next();
    if (++answered_ < requests_.size())
      return;
    finish_(all_);
    promise_.deliver(std::move(all_));
  }

  Self* self_;
  To to_;
  std::vector<Request> requests_;
  All all_;
  Take take_;
  Fail fail_;
  Finish finish_;
  actors::owed_answer<All> promise_;
  std::size_t next_ = 0;
  std::size_t answered_ = 0;
};

template <class Reply, class All, class Self, class To, class Request,
          class Take, class Fail, class Finish>
caf::result<All> gather(Self* self, To to, std::vector<Request> requests,
                        All so_far, Take take, Fail fail, Finish finish) {
  return std::make_shared<
             gathering<Reply, All, Self, To, Request, Take, Fail, Finish>>(
             self, std::move(to), std::move(requests), std::move(so_far), take,
             fail, finish)
      ->begin();
}

} // namespace reeve::supervisor
