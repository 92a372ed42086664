// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/courier.hpp"

#include <caf/send.hpp>

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

namespace reeve::console {

kernel::result<courier> courier::start(host& at) {
  auto wake =
      kernel::unique_fd::adopt(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake)
    return kernel::last_error("make an eventfd");
  return courier{at, std::move(wake)};
}

courier::courier(host& at, kernel::unique_fd wake)
    : api_{at.api()},
      box_{std::make_shared<letter_box>()} {
  box_->wake = std::move(wake);
  worker_ = at.system().spawn([](caf::event_based_actor* self) {
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

void courier::letter_box::put(std::function<void()> letter) {
  {
    auto lock = std::lock_guard{guard};
    letters.push_back(std::move(letter));
  }
  // Fails only when the counter is full, and then the reader is awake anyway.
  std::uint64_t one = 1;
  [[maybe_unused]] auto written = ::write(wake.get(), &one, sizeof one);
}

void courier::deliver() {
  std::uint64_t count = 0;
  [[maybe_unused]] auto got = ::read(box_->wake.get(), &count, sizeof count);
  auto letters = std::vector<std::function<void()>>{};
  {
    auto lock = std::lock_guard{box_->guard};
    letters.swap(box_->letters);
  }
  for (auto& letter : letters)
    letter();
}

} // namespace reeve::console
