// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/error.hpp"

#include <caf/atom.hpp>
#include <caf/message.hpp>
#include <caf/sec.hpp>

#include <cerrno>
#include <utility>

namespace reeve::actors {

namespace {

constexpr auto category = caf::atom("reeve");

} // namespace

const char* name_of(errc code) {
  switch (code) {
  case errc::invalid_argument:
    return "invalid_argument";
  case errc::not_found:
    return "not_found";
  case errc::already_exists:
    return "already_exists";
  case errc::wrong_state:
    return "wrong_state";
  case errc::refused_by_kernel:
    return "refused_by_kernel";
  case errc::timed_out:
    return "timed_out";
  case errc::program_not_found:
    return "program_not_found";
  case errc::program_not_executable:
    return "program_not_executable";
  case errc::exhausted:
    return "exhausted";
  case errc::gone:
    return "gone";
  case errc::internal:
    return "internal";
  case errc::failed:
    return "failed";
  }
  return "internal";
}

caf::error make_error(errc code, std::string text) {
  return caf::error{static_cast<std::uint8_t>(code), category,
                    caf::make_message(std::move(text))};
}

caf::error make_error(const kernel::sys_error& err) {
  auto code = errc::refused_by_kernel;
  if (err.code == ENOSPC || err.code == EMFILE || err.code == ENFILE
      || err.code == EDQUOT || err.code == ENOMEM)
    code = errc::exhausted;
  if (err.code == EPIPE || err.code == ECONNRESET)
    code = errc::gone;
  if (err.code == ETIMEDOUT)
    code = errc::timed_out;
  return make_error(code, to_string(err));
}

errc code_of(const caf::error& err) {
  if (err.category() == category)
    return static_cast<errc>(err.code());
  if (err == caf::sec::request_timeout)
    return errc::timed_out;
  if (err == caf::sec::request_receiver_down)
    return errc::gone;
  return errc::internal;
}

std::string text_of(const caf::error& err) {
  if (err.category() == category && err.context().match_elements<std::string>())
    return err.context().get_as<std::string>(0);
  if (err == caf::sec::request_timeout)
    return "no answer within the deadline";
  if (err == caf::sec::request_receiver_down)
    return "the receiver has gone";
  if (err.category() == caf::atom("system"))
    return caf::to_string(static_cast<caf::sec>(err.code()));
  return "error " + std::to_string(err.code()) + " of category "
         + caf::to_string(err.category());
}

} // namespace reeve::actors
