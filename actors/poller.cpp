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
  auto epoll = unique_fd::adopt(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll)
    return kernel::last_error("epoll_create1");
  auto wake = unique_fd::adopt(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake)
    return kernel::last_error("eventfd");
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = 0;
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, wake.get(), &event) != 0)
    return kernel::last_error("epoll_ctl");
  auto out =
      std::unique_ptr<poller>(new poller(std::move(epoll), std::move(wake)));
  // The host program's signals are its own: this thread takes none.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  out->thread_ = std::thread{[p = out.get()] { p->run(); }};
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::pthread_setname_np(out->thread_.native_handle(), thread_name);
  return out;
}

poller::poller(unique_fd epoll, unique_fd wake)
    : epoll_(std::move(epoll)),
      wake_(std::move(wake)) {}

poller::~poller() {
  stop_ = true;
  std::uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof(one));
  thread_.join();
}

kernel::result<poller::token> poller::watch(int fd, std::uint32_t events,
                                            callback on_ready) {
  std::lock_guard guard{mutex_};
  auto id = next_++;
  epoll_event event{};
  event.events = events | EPOLLONESHOT;
  event.data.u64 = id;
  watches_.emplace(id, std::make_shared<callback>(std::move(on_ready)));
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    watches_.erase(id);
    return kernel::last_error("watch descriptor", std::to_string(fd));
  }
  return id;
}

void poller::rearm(token which, int fd, std::uint32_t events) {
  std::lock_guard guard{mutex_};
  if (watches_.count(which) == 0)
    return; // unwatched meanwhile; the number may be another file by now
  epoll_event event{};
  event.events = events | EPOLLONESHOT;
  event.data.u64 = which;
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

void poller::unwatch(token which, int fd) {
  std::lock_guard guard{mutex_};
  if (watches_.erase(which) != 0)
    (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void poller::run() {
  std::array<epoll_event, 64> ready{};
  while (!stop_) {
    auto n = ::epoll_wait(epoll_.get(), ready.data(),
                          static_cast<int>(ready.size()), -1);
    for (auto i = 0; i < n; ++i) {
      std::shared_ptr<callback> call;
      {
        std::lock_guard guard{mutex_};
        auto found = watches_.find(ready[static_cast<std::size_t>(i)].data.u64);
        if (found != watches_.end())
          call = found->second;
      }
      if (call)
        (*call)(ready[static_cast<std::size_t>(i)].events);
    }
  }
}

} // namespace reeve::actors
