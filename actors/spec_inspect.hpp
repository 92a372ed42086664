// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/container_spec.hpp"
#include "config/parse.hpp"
#include "config/process_spec.hpp"
#include "config/serialize.hpp"

#include <caf/error.hpp>
#include <caf/sec.hpp>

#include <string>
#include <type_traits>
#include <utility>

/// Specs travel between processes in their on-disk form, so a client and a
/// daemon of different versions agree on defaults, and what a hostile client
/// sends goes through the parser. In process they are copied as they are.
namespace reeve::config {

namespace detail {

inline result<container_spec> read_spec(const std::string& text,
                                        const container_spec*) {
  return parse_container_spec(text, "message", format::json);
}

inline result<process_spec> read_spec(const std::string& text,
                                      const process_spec*) {
  return parse_process_spec(text, "message", format::json);
}

template <class Inspector, class Spec>
typename Inspector::result_type inspect_as_text(Inspector& f, Spec& x) {
  if constexpr (Inspector::reads_state) {
    auto text = to_json(x);
    return f(text);
  } else {
    std::string text;
    if (auto err = f(text))
      return err;
    auto spec = read_spec(text, &x);
    if (!spec)
      return caf::make_error(caf::sec::runtime_error, to_string(spec.error()));
    x = std::move(*spec);
    return caf::none;
  }
}

} // namespace detail

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, container_spec& x) {
  return detail::inspect_as_text(f, x);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, process_spec& x) {
  return detail::inspect_as_text(f, x);
}

} // namespace reeve::config
