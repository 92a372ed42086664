// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/result.hpp"

#include <cerrno>
#include <cstring>

namespace reeve::kernel {

sys_error sys_error::with_context(const std::string& context) && {
  operation = context + ": " + operation;
  return std::move(*this);
}

std::string errno_name(int code) {
  const char* name = ::strerrorname_np(code);
  return name != nullptr ? name : "errno " + std::to_string(code);
}

std::string to_string(const sys_error& err) {
  auto out = err.operation;
  if (!err.subject.empty())
    out += " " + err.subject;
  if (err.code != 0) {
    const char* text = ::strerrordesc_np(err.code);
    out += ": ";
    out += text != nullptr ? text : "unknown error";
    out += " (" + errno_name(err.code) + ")";
  }
  if (!err.hint.empty())
    out += "; " + err.hint;
  return out;
}

tl::unexpected<sys_error> last_error(std::string operation,
                                     std::string subject) {
  return make_error(errno, std::move(operation), std::move(subject));
}

tl::unexpected<sys_error> make_error(int code, std::string operation,
                                     std::string subject, std::string hint) {
  return tl::make_unexpected(sys_error{code, std::move(operation),
                                       std::move(subject), std::move(hint)});
}

} // namespace reeve::kernel
