// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/courier.hpp"

#include "actors/error.hpp"
#include "actors/failure.hpp"

#include <caf/send.hpp>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <utility>

namespace reeve::console {

namespace {

caf::error connection_lost() {
  return actors::make_error(actors::errc::gone,
                            "the connection to the daemon was lost");
}

} // namespace

kernel::result<courier> courier::start(caf::actor_system& sys,
                                       supervisor::api_actor api,
                                       connector again) {
  auto box = std::make_shared<letter_box>();
  box->wake =
      kernel::unique_fd::adopt(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!box->wake)
    return kernel::last_error("make an eventfd");
  box->system = &sys;
  box->api = std::move(api);
  box->again = std::move(again);
  box->begin(box);
  return courier{std::move(box)};
}

courier::courier(std::shared_ptr<letter_box> box) : box_{std::move(box)} {}

courier::~courier() {
  if (box_ && box_->worker)
    caf::anon_send_exit(box_->worker, caf::exit_reason::user_shutdown);
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

void courier::letter_box::run(job what) const {
  caf::anon_send(worker, std::move(what));
}

void courier::letter_box::begin(const std::shared_ptr<letter_box>& me) {
  worker = system->spawn(
      [whom = api, at = std::weak_ptr{me}](caf::event_based_actor* self) {
        self->monitor(whom);
        self->set_down_handler([at](const caf::down_msg&) {
          if (auto box = at.lock())
            box->put([at](letter_box& mine) { mine.lose(at.lock()); });
        });
        return caf::behavior{[self](const job& what) { what(self); }};
      });
}

void courier::letter_box::lose(const std::shared_ptr<letter_box>& me) {
  if (!again)
    return fail_all();
  caf::anon_send_exit(worker, caf::exit_reason::user_shutdown);
  worker = nullptr;
  until = std::chrono::steady_clock::now() + patience;
  try_again(me);
}

void courier::letter_box::try_again(const std::shared_ptr<letter_box>& me) {
  if (auto found = again()) {
    api = std::move(*found);
    begin(me);
    return send_again();
  }
  if (std::chrono::steady_clock::now() >= until)
    return fail_all();
  later(me, [at = std::weak_ptr{me}](letter_box& mine) {
    mine.try_again(at.lock());
  });
}

// Put into the box by an actor that does nothing else.
void courier::letter_box::later(const std::shared_ptr<letter_box>& me,
                                letter what) const {
  constexpr auto pause = std::chrono::milliseconds{20};
  system->spawn([at = std::weak_ptr{me},
                 what = std::move(what)](caf::event_based_actor* self) {
    self->delayed_send(self, pause, retry_due{});
    return caf::behavior{[self, at, what](retry_due) {
      if (auto box = at.lock())
        box->put(what);
      self->quit();
    }};
  });
}

// What may have been carried out, and must not be twice, fails: whoever asked
// can look.
void courier::letter_box::send_again() {
  auto lost = std::vector<std::uint64_t>{};
  for (auto& [number, one] : awaited)
    if (one.is_repeatable)
      one.send(*this);
    else
      lost.push_back(number);
  for (auto number : lost)
    fail(number, connection_lost());
}

void courier::letter_box::fail(std::uint64_t number, const caf::error& err) {
  if (auto found = awaited.extract(number))
    found.mapped().fail(err);
}

// Nothing of it was done, or all of it, and it may be asked for again.
void courier::letter_box::refuse(const std::shared_ptr<letter_box>& me,
                                 std::uint64_t number, const caf::error& err) {
  auto found = awaited.find(number);
  if (found == awaited.end())
    return;
  auto& one = found->second;
  auto now = std::chrono::steady_clock::now();
  if (!again || !one.is_repeatable || !actors::says_of_failure(err)
      || now >= one.until.value_or(now + patience))
    return fail(number, err);
  one.until = one.until.value_or(now + patience);
  later(me, [number](letter_box& mine) {
    auto still = mine.awaited.find(number);
    if (still != mine.awaited.end() && mine.worker)
      still->second.send(mine);
  });
}

void courier::letter_box::fail_all() {
  gone = true;
  // A continuation may send again: that request waits for the next delivery.
  for (auto& [number, one] : std::exchange(awaited, {}))
    one.fail(connection_lost());
}

} // namespace reeve::console
