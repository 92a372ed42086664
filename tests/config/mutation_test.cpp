// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/parse.hpp"
#include "config/serialize.hpp"
#include "config/validate.hpp"
#include "tests/config/examples.hpp"
#include "tests/support/catch.hpp"

#include <random>

using namespace reeve::config;
using namespace reeve::test;

namespace {

constexpr auto rounds = 1000;

/// Damages a text in one to four places.
class mutator {
public:
  std::string operator()(std::string text) {
    for (auto n = below(4) + 1; n > 0; --n)
      damage(text);
    return text;
  }

private:
  void damage(std::string& text) {
    constexpr auto marks = std::string_view{"\"'[]{}=,.:#\\\n-+eE0u"};
    auto at = below(text.size() + 1);
    switch (below(6)) {
    case 0: // cut off
      text.resize(at);
      break;
    case 1: // any byte
      text.insert(at, 1, static_cast<char>(below(256)));
      break;
    case 2: // a byte that means something
      text.insert(at, 1, marks[below(marks.size())]);
      break;
    case 3: // remove a piece
      text.erase(at, below(8) + 1);
      break;
    case 4: // repeat a piece
      text.insert(at, text.substr(below(text.size() + 1), below(40)));
      break;
    default: // flip a bit
      if (at < text.size())
        text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
    }
  }

  std::size_t below(std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>{0, bound - 1}(random_);
  }

  // Seeded alike in every run, so that a failure can be repeated.
  std::mt19937 random_{20260101};
};

/// Either a spec or an error that says where.
template <class T>
bool is_answer(const result<T>& res) {
  if (res)
    return true;
  const auto& err = res.error();
  return err.line > 0 && err.column > 0 && err.file == "f"
         && !err.message.empty() && !err.expected.empty();
}

} // namespace

TEST_CASE("parse: damaged TOML gives a spec or an error with a position",
          "[config][unit]") {
  auto mutate = mutator{};
  for (const auto& ex : examples()) {
    for (auto i = 0; i < rounds; ++i) {
      auto text = mutate(ex.text);
      auto ok = is_daemon_config(ex)
                    ? is_answer(parse_daemon_config(text, "f"))
                    : is_answer(parse_container_spec(text, "f"));
      if (!ok)
        FAIL(ex.name << ':' << text);
    }
  }
  SUCCEED();
}

TEST_CASE("parse: damaged JSON gives a spec or an error with a position",
          "[config][unit]") {
  auto mutate = mutator{};
  for (const auto& ex : examples()) {
    if (is_daemon_config(ex))
      continue;
    auto json = to_json(parse_container_spec(ex.text, ex.name).value());
    for (auto i = 0; i < rounds; ++i) {
      auto text = mutate(json);
      auto spec = parse_container_spec(text, "f", format::json);
      if (!is_answer(spec))
        FAIL(ex.name << ':' << text);
      // What is valid after all can be saved.
      if (spec && validate(*spec)
          && parse_container_spec(to_json(*spec), "f.json") != spec)
        FAIL(ex.name << ':' << text);
    }
  }
  SUCCEED();
}
