// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/failure.hpp"

#include "actors/error.hpp"

#include <utility>

namespace reeve::console {

namespace {

int status_of(actors::errc code) {
  switch (code) {
  case actors::errc::program_not_found:
    return status_not_found;
  case actors::errc::program_not_executable:
    return status_not_executable;
  default:
    return status_own_error;
  }
}

} // namespace

std::string to_string(const failure& f) {
  auto text = f.what;
  if (!text.empty() && !f.why.empty())
    text += ": ";
  text += f.why;
  if (!f.hint.empty())
    text += "; " + f.hint;
  return text;
}

tl::unexpected<failure> refuse(std::string what, std::string why,
                               std::string hint) {
  return tl::make_unexpected(failure{status_own_error, std::move(what),
                                     std::move(why), std::move(hint)});
}

failure failure_of(const caf::error& err, std::string what) {
  auto code = actors::code_of(err);
  auto out = failure{status_of(code), std::move(what), actors::text_of(err),
                     std::string{}};
  if (code == actors::errc::not_found)
    out.is = failure::kind::not_found;
  if (code == actors::errc::already_exists)
    out.is = failure::kind::name_taken;
  if (code == actors::errc::timed_out)
    out.hint = "the daemon may still be at it: see `reeve ls` and its log";
  return out;
}

} // namespace reeve::console
