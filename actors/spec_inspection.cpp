// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/spec_inspection.hpp"

#include "config/parse.hpp"
#include "config/serialize.hpp"

#include <caf/sec.hpp>

#include <string>
#include <utility>

namespace reeve::config {

namespace {

template <class Spec>
caf::error write_spec(caf::serializer& f, const Spec& x) {
  auto text = to_json(x);
  return f(text);
}

template <class Spec, class Parse>
caf::error read_spec(caf::deserializer& f, Spec& x, Parse parse) {
  std::string text;
  if (auto err = f(text))
    return err;
  auto spec = parse(text, "message", format::json);
  if (!spec)
    return caf::make_error(caf::sec::runtime_error, to_string(spec.error()));
  x = std::move(*spec);
  return caf::none;
}

} // namespace

caf::error inspect(caf::serializer& f, container_spec& x) {
  return write_spec(f, x);
}

caf::error inspect(caf::deserializer& f, container_spec& x) {
  return read_spec(f, x, parse_container_spec);
}

void inspect(caf::detail::stringification_inspector& f, container_spec& x) {
  f(to_json(x));
}

caf::error inspect(caf::serializer& f, process_spec& x) {
  return write_spec(f, x);
}

caf::error inspect(caf::deserializer& f, process_spec& x) {
  return read_spec(f, x, parse_process_spec);
}

void inspect(caf::detail::stringification_inspector& f, process_spec& x) {
  f(to_json(x));
}

} // namespace reeve::config
