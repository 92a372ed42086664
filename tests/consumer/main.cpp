// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// A small service that has its own actor system, messages, signal handler and
// child, and hosts Reeve beside them: the smallest use of the library, and the
// test that Reeve is a good guest in a program that is not its own.

#include "supervisor/runtime.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/meta/type_name.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/type_id.hpp>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

struct price_of {
  std::string ware;
};

CAF_BEGIN_TYPE_ID_BLOCK(shop, 2000)
CAF_ADD_TYPE_ID(shop, (price_of))
CAF_END_TYPE_ID_BLOCK(shop)

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, price_of& x) {
  return f(caf::meta::type_name("price_of"), x.ware);
}

namespace {

using namespace reeve;
using namespace std::chrono_literals;

volatile std::sig_atomic_t children_ended = 0;

extern "C" void on_child(int) {
  children_ended = children_ended + 1;
}

void require(bool holds, const std::string& what) {
  if (!holds)
    throw std::runtime_error("it does not hold that " + what);
  std::printf("ok: %s\n", what.c_str());
}

/// What a guest must leave as it found it.
struct manners {
  std::array<struct sigaction, NSIG> signals{};
  sigset_t blocked{};
  std::string directory = std::filesystem::current_path();
  mode_t mask = 0;
  std::string locale = std::setlocale(LC_ALL, nullptr);

  static manners now() {
    manners out;
    for (auto signo = 1; signo < NSIG; ++signo)
      ::sigaction(signo, nullptr, &out.signals.at(signo));
    ::pthread_sigmask(SIG_SETMASK, nullptr, &out.blocked);
    out.mask = ::umask(0);
    ::umask(out.mask);
    return out;
  }

  [[nodiscard]] bool same_signals(const manners& other) const {
    for (auto signo = 1; signo < NSIG; ++signo)
      if (signals.at(signo).sa_handler != other.signals.at(signo).sa_handler
          || signals.at(signo).sa_flags != other.signals.at(signo).sa_flags
          || ::sigismember(&blocked, signo)
                 != ::sigismember(&other.blocked, signo))
        return false;
    return true;
  }
};

template <class Reply, class Handle, class Request>
Reply ask(caf::scoped_actor& self, const Handle& whom, const Request& what) {
  Reply out;
  caf::error problem;
  self->request(whom, 30s, what)
      .receive([&](Reply& reply) { out = std::move(reply); },
               [&](caf::error& err) { problem = std::move(err); });
  if (problem)
    throw std::runtime_error(to_string(problem));
  return out;
}

supervisor::process_info look_at(caf::scoped_actor& self,
                                 const supervisor::local_api_actor& api,
                                 const std::string& process) {
  auto all = ask<supervisor::container_details>(
      self, api, supervisor::get_container{"shop"});
  for (auto& info : all.processes)
    if (info.process == process)
      return info;
  throw std::runtime_error("there is no process " + process);
}

config::process_spec server(const std::string& id) {
  config::process_spec out;
  out.id = id;
  out.argv = {"sleep", "1000"};
  out.restart.type = config::restart_type::permanent;
  out.stop_grace = 500ms;
  return out;
}

void supervise(caf::actor_system& sys, const config::daemon_config& cfg) {
  auto rt = supervisor::runtime::start(sys, cfg);
  if (!rt)
    throw std::runtime_error(to_string(rt.error()));
  const auto& api = (*rt)->api();
  caf::scoped_actor self{sys};

  config::container_spec spec;
  spec.name = "shop";
  spec.image = "busybox";
  ask<supervisor::container_created>(self, api,
                                     supervisor::create_container{0, spec});
  for (const auto* id : {"front", "back"})
    ask<supervisor::process_started>(
        self, api, supervisor::run_process{0, "shop", server(id)});

  auto front = look_at(self, api, "front");
  auto back = look_at(self, api, "back");
  require(::kill(front.pid, SIGKILL) == 0, "front was killed");
  auto again = front;
  for (auto deadline = std::chrono::steady_clock::now() + 10s;
       again.pid == front.pid
       || again.phase != supervisor::process_phase::running;
       again = look_at(self, api, "front")) {
    if (std::chrono::steady_clock::now() > deadline)
      throw std::runtime_error("front did not come back");
    std::this_thread::sleep_for(5ms);
  }
  require(again.restarts == 1, "front was restarted once");
  require(look_at(self, api, "back").pid == back.pid, "back did not notice");

  ask<supervisor::container_is>(self, api,
                                supervisor::destroy_container{"shop", true});
  (*rt)->stop(supervisor::farewell::stop);
  require(::kill(again.pid, 0) != 0, "nothing runs any more");
}

void serve(const std::string& root) {
  struct sigaction mine {};
  mine.sa_handler = on_child;
  mine.sa_flags = SA_RESTART;
  ::sigaction(SIGCHLD, &mine, nullptr);
  ::umask(027);
  // Ends only after Reeve has come and gone.
  std::array<int, 2> leash{};
  if (::pipe(leash.data()) != 0)
    throw std::runtime_error("pipe");
  auto child = ::fork();
  if (child == 0) {
    char byte = 0;
    ::close(leash[1]);
    auto got = ::read(leash[0], &byte, 1);
    ::_exit(got == 0 ? 42 : 1);
  }
  ::close(leash[0]);
  // A copy of this end in a process of Reeve's would keep the child waiting.
  auto before = manners::now();

  caf::actor_system_config cfg; // the scheduler is CAF's default
  cfg.add_message_types<caf::id_block::shop>();
  supervisor::add_message_types(cfg);
  caf::actor_system sys{cfg};
  auto clerk = sys.spawn([]() -> caf::behavior {
    return {[](const price_of& order) {
      return static_cast<int>(order.ware.size());
    }};
  });

  auto reeve = config::with_root({}, root);
  reeve.pool_size = 1;
  reeve.log.level = config::log_level::warning;
  reeve.holder_path = SHOP_HOLDER;
  supervise(sys, reeve);

  caf::scoped_actor self{sys};
  require(ask<int>(self, clerk, price_of{"apple"}) == 5,
          "the service's own actors still answer");
  self->send_exit(clerk, caf::exit_reason::user_shutdown);

  auto after = manners::now();
  require(before.same_signals(after), "no signal disposition was touched");
  require(before.directory == after.directory, "the directory is the same");
  require(before.mask == after.mask, "the umask is the same");
  require(before.locale == after.locale, "the locale is the same");

  auto ended = children_ended;
  ::close(leash[1]);
  int status = 0;
  require(::waitpid(child, &status, 0) == child && WIFEXITED(status)
              && WEXITSTATUS(status) == 42,
          "the service's own child is still its own");
  require(children_ended > ended,
          "the service's handler of SIGCHLD was called");
  require(::waitpid(-1, &status, WNOHANG) == -1,
          "no child was left to the service");
}

} // namespace

int main() {
  std::string root = "/tmp/reeve-consumer-XXXXXX";
  if (::mkdtemp(root.data()) == nullptr)
    return 1;
  // Containers walk through it with ids of their own.
  std::filesystem::permissions(root, std::filesystem::perms{0711});
  auto status = 0;
  try {
    serve(root);
  } catch (const std::exception& err) {
    std::fprintf(stderr, "shop: %s\n", err.what());
    status = 1;
  }
  std::error_code ignored;
  std::filesystem::remove_all(root, ignored);
  return status;
}
