// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/key_path.hpp"

#include "config/text.hpp"

namespace reeve::config {

namespace {

// As TOML has it: what is not a bare key is quoted. Keys are untrusted text.
bool is_bare(std::string_view key) {
  constexpr auto bare = std::string_view{
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"};
  return !key.empty() && key.size() <= 64
         && key.find_first_not_of(bare) == key.npos;
}

} // namespace

std::string key_path::text() const {
  auto out = parent_ == nullptr ? std::string{} : parent_->text();
  if (index_)
    return out + '[' + std::to_string(*index_) + ']';
  if (!out.empty())
    out += '.';
  return out + (is_bare(key_) ? std::string{key_} : in_quotes(key_));
}

} // namespace reeve::config
