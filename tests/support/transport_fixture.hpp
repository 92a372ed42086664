// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/unix_transport.hpp"
#include "tests/support/system_config.hpp"

#include <caf/all.hpp>
#include <caf/io/middleman.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

/// Actor systems that talk over unix sockets, for tests and for the daemon
/// program that tests start as a second process.
namespace reeve::test {

struct echo {
  std::string text;
  std::vector<int32_t> numbers;
  std::vector<std::string> words;
};

template <class Inspector>
auto inspect(Inspector& f, echo& x) {
  return f(caf::meta::type_name("echo"), x.text, x.numbers, x.words);
}

struct echoed {
  std::string text;
  std::vector<int32_t> numbers;
  std::vector<std::string> words;
  uint64_t count = 0;
};

template <class Inspector>
auto inspect(Inspector& f, echoed& x) {
  return f(caf::meta::type_name("echoed"), x.text, x.numbers, x.words, x.count);
}

struct unrelated {
  int32_t value = 0;
};

template <class Inspector>
auto inspect(Inspector& f, unrelated& x) {
  return f(caf::meta::type_name("unrelated"), x.value);
}

} // namespace reeve::test

CAF_BEGIN_TYPE_ID_BLOCK(reeve_transport_test, 3000)
CAF_ADD_TYPE_ID(reeve_transport_test, (reeve::test::echo))
CAF_ADD_TYPE_ID(reeve_transport_test, (reeve::test::echoed))
CAF_ADD_TYPE_ID(reeve_transport_test, (reeve::test::unrelated))
CAF_END_TYPE_ID_BLOCK(reeve_transport_test)

namespace reeve::test {

using echo_actor = caf::typed_actor<caf::replies_to<echo>::with<echoed>>;
using other_actor = caf::typed_actor<caf::replies_to<unrelated>::with<echoed>>;

struct echo_state {
  uint64_t count = 0;
};

inline echo_actor::behavior_type
echo_service(echo_actor::stateful_pointer<echo_state> self) {
  return {
      [self](echo& x) -> echoed {
        return {std::move(x.text), std::move(x.numbers), std::move(x.words),
                ++self->state.count};
      },
  };
}

class transport_config : public tests::system_config {
public:
  transport_config() {
    add_message_types<caf::id_block::reeve_transport_test>();
    set("scheduler.max-threads", size_t{2});
    load<caf::io::middleman>();
  }
};

/// An actor system without actors of its own.
class node {
public:
  transport_config config;
  caf::actor_system sys{config};
};

/// An actor system with an echo service, which ends with it.
class echo_daemon : public node {
public:
  echo_actor service = sys.spawn(echo_service);

  ~echo_daemon() {
    caf::anon_send_exit(service, caf::exit_reason::user_shutdown);
  }
};

class temporary_directory {
public:
  temporary_directory() {
    auto pattern =
        (std::filesystem::temp_directory_path() / "reeve-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr)
      throw std::runtime_error("mkdtemp failed for " + pattern);
    path_ = pattern;
    // Other users must get as far as the socket itself.
    std::filesystem::permissions(path_, std::filesystem::perms{0755});
  }

  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;

  ~temporary_directory() {
    auto ignored = std::error_code{};
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] std::string operator/(const std::string& name) const {
    return (path_ / name).string();
  }

  [[nodiscard]] const std::filesystem::path& path() const {
    return path_;
  }

private:
  std::filesystem::path path_;
};

} // namespace reeve::test
