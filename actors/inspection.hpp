// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <caf/deserializer.hpp>
#include <caf/detail/stringification_inspector.hpp>
#include <caf/error.hpp>
#include <caf/meta/type_name.hpp>
#include <caf/serializer.hpp>

/// How CAF reads, writes and prints a message: functions of one source instead
/// of a template in a header, which every source that sends the message would
/// instantiate again. What differs between CAF 0.17 and 1.x is here.

/// In the namespace of `type`, after its definition.
#define REEVE_DECLARE_INSPECTION(type)                                         \
  caf::error inspect(caf::serializer& f, type& x);                             \
  caf::error inspect(caf::deserializer& f, type& x);                           \
  void inspect(caf::detail::stringification_inspector& f, type& x);

/// In one source: `type`, then its fields as `x.name`, in the order in which
/// they travel.
#define REEVE_DEFINE_INSPECTION(type, ...)                                     \
  namespace {                                                                  \
  template <class Inspector>                                                   \
  auto inspect_fields(Inspector& f, [[maybe_unused]] type& x) {                \
    return f(caf::meta::type_name(#type) __VA_OPT__(, ) __VA_ARGS__);          \
  }                                                                            \
  }                                                                            \
  caf::error inspect(caf::serializer& f, type& x) {                            \
    return inspect_fields(f, x);                                               \
  }                                                                            \
  caf::error inspect(caf::deserializer& f, type& x) {                          \
    return inspect_fields(f, x);                                               \
  }                                                                            \
  void inspect(caf::detail::stringification_inspector& f, type& x) {           \
    inspect_fields(f, x);                                                      \
  }
