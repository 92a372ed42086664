// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/courier.hpp"

#include "actors/error.hpp"

#include <caf/send.hpp>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <csignal>
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

int courier::wait(const signal_gate* signals) {
  // poll(2) passes over negative descriptors.
  auto news = std::array<pollfd, 2>{
      pollfd{poll_fd(), POLLIN, 0},
      pollfd{signals != nullptr ? signals->poll_fd() : -1, POLLIN, 0},
  };
  if (::poll(news.data(), news.size(), -1) < 0)
    return 0; // EINTR
  if (news[0].revents != 0)
    deliver();
  while (news[1].revents != 0) {
    auto signo = signals->next();
    if (signo != SIGWINCH)
      return signo;
  }
  return 0;
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
