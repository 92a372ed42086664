// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// Arbitrary bytes as every message between the daemon and its helpers. What a
// decoder accepts must encode to something that it accepts again and that is
// the same; nothing else is promised about hostile bytes but that they are
// survived, which the sanitizers watch.
//
// Two programs from one file: with REEVE_LIBFUZZER for libFuzzer, which brings
// its own main; else a plain test that mutates valid messages with a fixed
// seed.

#include "kernel-iface/broker_protocol.hpp"
#include "kernel-iface/holder_protocol.hpp"
#include "kernel-iface/wire.hpp"
#include "kernel-iface/zygote_protocol.hpp"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <tuple>

namespace {

using namespace reeve::kernel;

using all_messages = std::tuple<
    holder::seal_order, holder::configure_order, holder::spawn_order,
    holder::signal_order, holder::resize_order, holder::release_order,
    holder::acknowledge_order, holder::annotate_order, holder::describe_order,
    holder::quit_order, holder::hello_report, holder::hello_done_report,
    holder::configured_report, holder::spawned_report, holder::described_report,
    holder::process_state_report, holder::spawn_failed_report,
    holder::exited_report, holder::refused_report, holder::done_report,
    holder::ready_report, zygote::start_holder_order,
    zygote::holder_started_report, zygote::start_failed_report,
    broker::prepare_order, broker::attach_order, broker::prepared_report,
    broker::attached_report, broker::failed_report>;

template <class Message>
void decode_as(std::string_view bytes) {
  Message first;
  if (!wire::decode(bytes, first))
    return;
  auto once = wire::encode(first);
  Message second;
  // Not compared with `bytes`: any byte but 0 is true.
  if (once.size() != bytes.size() || !wire::decode(once, second)
      || wire::encode(second) != once) {
    std::fprintf(stderr, "a message of %zu bytes does not survive\n",
                 bytes.size());
    std::abort();
  }
}

void decode_as_all(std::string_view bytes) {
  std::apply(
      [bytes](const auto&... each) {
        (decode_as<std::decay_t<decltype(each)>>(bytes), ...);
      },
      all_messages{});
}

} // namespace

#ifdef REEVE_LIBFUZZER

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data,
                                      std::size_t size) {
  decode_as_all({reinterpret_cast<const char*>(data), size});
  return 0;
}

#else

#include <algorithm>
#include <chrono>
#include <random>
#include <vector>

namespace {

/// Writes random values into the fields that it visits: a message of every
/// type without naming one field.
class filler {
public:
  explicit filler(std::mt19937_64& rng) : rng_(rng) {}

  template <class... Ts>
  void operator()(Ts&... values) {
    (fill(values), ...);
  }

private:
  template <wire::scalar T>
  void fill(T& value) {
    if constexpr (std::is_same_v<T, bool>)
      value = (rng_() & 1U) != 0;
    else
      value = static_cast<T>(rng_());
  }

  void fill(std::string& text) {
    text.assign(rng_() % 12, 'a');
    for (auto& c : text)
      c = static_cast<char>(rng_());
  }

  template <class T>
  void fill(std::vector<T>& list) {
    list.resize(rng_() % 4);
    for (auto& item : list)
      fill(item);
  }

  template <class T>
  requires std::is_class_v<T>
  void fill(T& record) {
    T::fields(*this, record);
  }

  std::mt19937_64& rng_;
};

template <class Message>
std::string random_message(std::mt19937_64& rng) {
  Message out;
  filler fill{rng};
  Message::fields(fill, out);
  auto bytes = wire::encode(out);
  if (Message again; !wire::decode(bytes, again)) {
    std::fprintf(stderr, "a valid message was refused\n");
    std::abort();
  }
  return bytes;
}

std::vector<std::string> valid_messages(std::mt19937_64& rng) {
  std::vector<std::string> out;
  std::apply(
      [&](const auto&... each) {
        (out.push_back(random_message<std::decay_t<decltype(each)>>(rng)), ...);
      },
      all_messages{});
  return out;
}

void mutate(std::string& bytes, std::mt19937_64& rng) {
  for (auto times = 1 + rng() % 4; times > 0; --times) {
    auto at = bytes.empty() ? 0 : rng() % bytes.size();
    switch (rng() % 6) {
    case 0: // one bit
      if (!bytes.empty())
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << rng() % 8));
      break;
    case 1: // a length that lies
      for (auto i = at; i < std::min(at + 4, bytes.size()); ++i)
        bytes[i] = static_cast<char>(rng() % 3 == 0 ? 0 : 0xff);
      break;
    case 2:
      bytes.resize(at);
      break;
    case 3:
      bytes.insert(at, 1 + rng() % 8, static_cast<char>(rng()));
      break;
    case 4:
      bytes.erase(at, 1 + rng() % 8);
      break;
    default:
      bytes += bytes.substr(at);
    }
  }
}

} // namespace

int main(int argc, char** argv) {
  // The rounds end by number, so that every run sees the same bytes.
  auto rounds = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 20'000UL;
  std::mt19937_64 rng{0x52454556};
  std::size_t inputs = 0;
  for (unsigned long i = 0; i < rounds; ++i)
    for (auto& bytes : valid_messages(rng)) {
      if (i % 4 != 0)
        mutate(bytes, rng);
      decode_as_all(bytes);
      ++inputs;
    }
  std::printf("%zu inputs as %zu messages\n", inputs,
              std::tuple_size_v<all_messages>);
  return 0;
}

#endif
