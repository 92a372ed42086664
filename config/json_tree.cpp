// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/node.hpp"
#include "config/text.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

namespace reeve::config {

namespace {

/// Reads a document and tells how far the parser has come. The parser hands
/// out values without positions, but it reads no further than one token (and
/// one character after a number) before it does so.
class tracked_char {
public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  tracked_char(const char* at, const char** furthest)
      : at_{at},
        furthest_{furthest} {}

  reference operator*() const {
    return *at_;
  }

  tracked_char& operator++() {
    *furthest_ = ++at_;
    return *this;
  }

  bool operator==(const tracked_char& other) const {
    return at_ == other.at_;
  }

  bool operator!=(const tracked_char& other) const {
    return at_ != other.at_;
  }

private:
  const char* at_;
  const char** furthest_;
};

/// Receives the parser's events and builds the tree. Returning false stops
/// the parser.
class tree_builder {
public:
  explicit tree_builder(std::string_view text)
      : text_{text},
        furthest_{text.data()} {}

  result<node> build() {
    for (std::size_t i = 0; i < text_.size(); ++i)
      if (text_[i] == '\n')
        line_starts_.push_back(i + 1);
    auto first = tracked_char{text_.data(), &furthest_};
    auto last = tracked_char{text_.data() + text_.size(), &furthest_};
    if (!nlohmann::json::sax_parse(first, last, this))
      return tl::unexpected{error_};
    return std::move(root_);
  }

  // -- values: the names are the parser library's -----------------------------

  bool null() {
    return add(word_start(), node::null{});
  }

  bool boolean(bool value) {
    return add(word_start(), value);
  }

  bool number_integer(std::int64_t value) {
    return add(word_start(), value);
  }

  bool number_unsigned(std::uint64_t value) {
    if (value > std::numeric_limits<std::int64_t>::max())
      return fail(word_start(), std::to_string(value) + " is too large",
                  "a number below 2^63, or a string");
    return add(word_start(), static_cast<std::int64_t>(value));
  }

  bool number_float(double value, const std::string&) {
    return add(word_start(), value);
  }

  bool string(std::string& value) {
    return add(string_start(), std::move(value));
  }

  // Only binary formats have it.
  bool binary(std::vector<std::uint8_t>&) {
    return fail(read_so_far(), "found binary data", "text");
  }

  // -- tables and lists -------------------------------------------------------

  bool start_object(std::size_t) {
    return open(node::table{});
  }

  bool start_array(std::size_t) {
    return open(node::list{});
  }

  bool end_object() {
    return close();
  }

  bool end_array() {
    return close();
  }

  bool key(std::string& name) {
    auto& table = std::get<node::table>(open_.back().value);
    auto known = std::any_of(table.begin(), table.end(),
                             [&](const member& m) { return m.key == name; });
    if (known)
      return fail(string_start(), in_quotes(name) + " is there twice",
                  "every key once");
    table.push_back({std::move(name), place(string_start()), {}});
    return true;
  }

  // -- errors -----------------------------------------------------------------

  bool parse_error(std::size_t bytes_read, const std::string&,
                   const nlohmann::json::exception& err) {
    // The library's message starts with its own error number and position, of
    // which some versions say more than others.
    auto message = std::string_view{err.what()};
    if (auto cut = message.find("syntax error"); cut != message.npos)
      message.remove_prefix(cut);
    else if (cut = message.find("] "); cut != message.npos)
      message.remove_prefix(cut + 2);
    if (auto cut = message.find(": ");
        message.starts_with("parse error at") && cut != message.npos)
      message.remove_prefix(cut + 2);
    // The end of the text counts as a byte, the look-ahead after a number does
    // not.
    return fail(bytes_read == 0 ? 0 : bytes_read - 1, std::string{message},
                "valid JSON");
  }

private:
  [[nodiscard]] std::size_t read_so_far() const {
    return static_cast<std::size_t>(furthest_ - text_.data());
  }

  [[nodiscard]] position place(std::size_t offset) const {
    auto next =
        std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
    return {static_cast<unsigned>(next - line_starts_.begin()),
            static_cast<unsigned>(offset - *(next - 1)) + 1};
  }

  /// Start of the number, `true`, `false` or `null` that was read last.
  [[nodiscard]] std::size_t word_start() const {
    auto is_word = [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == 'E'
             || c == '+' || c == '-' || c == '.';
    };
    auto at = read_so_far();
    while (at > 0 && !is_word(text_[at - 1]))
      --at;
    while (at > 0 && is_word(text_[at - 1]))
      --at;
    return at;
  }

  /// Start of the string whose closing quote was read last: the nearest quote
  /// before it that no backslash escapes. (The opening one never follows a
  /// backslash.)
  [[nodiscard]] std::size_t string_start() const {
    auto at = read_so_far() - 1;
    while (at > 0) {
      --at;
      if (text_[at] == '"' && (at == 0 || text_[at - 1] != '\\'))
        break;
      if (text_[at] == '"') {
        auto slashes = std::size_t{0};
        while (slashes < at && text_[at - 1 - slashes] == '\\')
          ++slashes;
        if (slashes % 2 == 0)
          break;
      }
    }
    return at;
  }

  bool fail(std::size_t offset, std::string message, std::string expected) {
    auto where = place(offset);
    error_ = config_error{{}, where.line,         where.column,
                          {}, std::move(message), std::move(expected)};
    return false;
  }

  template <class T>
  bool add(std::size_t offset, T&& value) {
    return put(node{place(offset), std::forward<T>(value)});
  }

  /// Puts a complete value where the innermost open table or list wants it.
  bool put(node value) {
    if (open_.empty())
      root_ = std::move(value);
    else if (auto* list = std::get_if<node::list>(&open_.back().value))
      list->push_back(std::move(value));
    else
      std::get<node::table>(open_.back().value).back().value = std::move(value);
    return true;
  }

  template <class T>
  bool open(T&& empty) {
    if (open_.size() == deepest_nesting)
      return fail(read_so_far() - 1, "tables or lists nest too deep",
                  "at most " + std::to_string(deepest_nesting) + " levels");
    open_.push_back(node{place(read_so_far() - 1), std::forward<T>(empty)});
    return true;
  }

  bool close() {
    auto done = std::move(open_.back());
    open_.pop_back();
    return put(std::move(done));
  }

  std::string_view text_;
  const char* furthest_;
  /// Every value asks for its line: a search for each is too slow.
  std::vector<std::size_t> line_starts_{0};
  std::vector<node> open_;
  node root_;
  config_error error_;
};

} // namespace

result<node> tree_from_json(std::string_view text) {
  return tree_builder{text}.build();
}

} // namespace reeve::config
