// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/poller.hpp"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

namespace reeve::actors {

using kernel::unique_fd;

kernel::result<std::unique_ptr<poller>> poller::make(const char* thread_name) {
  auto with = std::make_shared<shared>();
  with->epoll = unique_fd::adopt(::epoll_create1(EPOLL_CLOEXEC));
  if (!with->epoll)
    return kernel::last_error("epoll_create1");
  with->wake = unique_fd::adopt(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!with->wake)
    return kernel::last_error("eventfd");
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = 0;
  if (::epoll_ctl(with->epoll.get(), EPOLL_CTL_ADD, with->wake.get(), &event)
      != 0)
    return kernel::last_error("epoll_ctl");
  auto out = std::unique_ptr<poller>(new poller(with));
  // The host program's signals are its own: this thread takes none.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  out->thread_ = std::thread{[with = std::move(with)] { run(*with); }};
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::pthread_setname_np(out->thread_.native_handle(), thread_name);
  return out;
}

poller::~poller() {
  with_->stop = true;
  std::uint64_t one = 1;
  (void)!::write(with_->wake.get(), &one, sizeof(one));
  if (thread_.get_id() == std::this_thread::get_id())
    thread_.detach();
  else
    thread_.join();
}

kernel::result<poller::token> poller::watch(int fd, std::uint32_t events,
                                            callback on_ready) {
  std::lock_guard guard{with_->mutex};
  auto id = with_->next++;
  epoll_event event{};
  event.events = events | EPOLLONESHOT;
  event.data.u64 = id;
  with_->watches.emplace(id, std::make_shared<callback>(std::move(on_ready)));
  if (::epoll_ctl(with_->epoll.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    with_->watches.erase(id);
    return kernel::last_error("watch descriptor", std::to_string(fd));
  }
  return id;
}

void poller::rearm(token which, int fd, std::uint32_t events) {
  std::lock_guard guard{with_->mutex};
  if (with_->watches.count(which) == 0)
    return; // unwatched meanwhile; the number may be another file by now
  epoll_event event{};
  event.events = events | EPOLLONESHOT;
  event.data.u64 = which;
  (void)::epoll_ctl(with_->epoll.get(), EPOLL_CTL_MOD, fd, &event);
}

void poller::unwatch(token which, int fd) {
  std::lock_guard guard{with_->mutex};
  if (with_->watches.erase(which) != 0)
    (void)::epoll_ctl(with_->epoll.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void poller::run(shared& with) {
  std::array<epoll_event, 64> ready{};
  while (!with.stop) {
    auto n = ::epoll_wait(with.epoll.get(), ready.data(),
                          static_cast<int>(ready.size()), -1);
    for (auto i = 0; i < n && !with.stop; ++i) {
      const auto& event = ready[static_cast<std::size_t>(i)];
      std::shared_ptr<callback> call;
      {
        std::lock_guard guard{with.mutex};
        auto found = with.watches.find(event.data.u64);
        if (found != with.watches.end())
          call = found->second;
      }
      if (call)
        (*call)(event.events);
    }
  }
}

} // namespace reeve::actors
