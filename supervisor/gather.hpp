// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/owed_answer.hpp"

#include <caf/error.hpp>
#include <caf/result.hpp>

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace reeve::supervisor {

/// Asks `to` all of them at the same time and answers with `All` when the last
/// one is answered. `take(all, i, reply)` and `fail(all, i, error)` put in what
/// has come for the request with the number `i`, in any order.
template <class Reply, class All, class Self, class To, class Request,
          class Take, class Fail>
caf::result<All> gather(Self* self, const To& to,
                        const std::vector<Request>& requests, All so_far,
                        Take take, Fail fail) {
  if (requests.empty())
    return so_far;
  struct gathering {
    All all;
    std::size_t missing;
    actors::owed_answer<All> promise;
  };
  auto state = std::make_shared<gathering>(
      gathering{std::move(so_far), requests.size(), actors::owe<All>(self)});
  auto done = [state] {
    if (--state->missing == 0)
      state->promise.deliver(std::move(state->all));
  };
  for (std::size_t i = 0; i < requests.size(); ++i)
    self->request(to, caf::infinite, requests[i])
        .then(
            [=](Reply& reply) {
              take(state->all, i, std::move(reply));
              done();
            },
            [=](const caf::error& err) {
              fail(state->all, i, err);
              done();
            });
  return state->promise;
}

} // namespace reeve::supervisor
