// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/courier.hpp"

#include "actors/error.hpp"

#include <caf/send.hpp>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

namespace reeve::console {

kernel::result<courier> courier::start(caf::actor_system& sys,
                                       supervisor::api_actor api) {
  auto wake =
      kernel::unique_fd::adopt(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake)
    return kernel::last_error("make an eventfd");
  return courier{sys, std::move(api), std::move(wake)};
}

courier::courier(caf::actor_system& sys, supervisor::api_actor api,
                 kernel::unique_fd wake)
    : api_{std::move(api)},
      box_{std::make_shared<letter_box>()} {
  box_->wake = std::move(wake);
  worker_ = sys.spawn([whom = api_, at = box_](caf::event_based_actor* self) {
    self->monitor(whom);
    self->set_down_handler([at](const caf::down_msg&) {
      at->put([](letter_box& box) { box.fail_all(); });
    });
    return caf::behavior{[self](const job& what) { what(self); }};
  });
}

courier::~courier() {
  if (worker_)
    caf::anon_send_exit(worker_, caf::exit_reason::user_shutdown);
}

void courier::run(job what) {
  caf::anon_send(worker_, std::move(what));
}

void courier::deliver() {
  std::uint64_t count = 0;
  [[maybe_unused]] auto got = ::read(box_->wake.get(), &count, sizeof count);
  auto letters = std::vector<letter>{};
  {
    auto lock = std::lock_guard{box_->guard};
    letters.swap(box_->letters);
  }
  for (auto& what : letters)
    what(*box_);
}

void courier::wait() {
  auto news = pollfd{poll_fd(), POLLIN, 0};
  if (::poll(&news, 1, -1) > 0)
    deliver();
}

void courier::letter_box::put(letter what) {
  {
    auto lock = std::lock_guard{guard};
    letters.push_back(std::move(what));
  }
  // Fails only when the counter is full, and then the reader is awake anyway.
  std::uint64_t one = 1;
  [[maybe_unused]] auto written = ::write(wake.get(), &one, sizeof one);
}

void courier::letter_box::fail(std::uint64_t request, const caf::error& err) {
  if (auto found = awaited.extract(request))
    found.mapped()(err);
}

void courier::letter_box::fail_all() {
  gone = true;
  auto err = actors::make_error(actors::errc::gone,
                                "the connection to the daemon was lost");
  // A continuation may send again: that request waits for the next delivery.
  for (auto& [number, then] : std::exchange(awaited, {}))
    then(err);
}

} // namespace reeve::console
