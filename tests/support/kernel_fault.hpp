// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "kernel-iface/kernel_faults.hpp"
#include "tests/support/memory_file.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace reeve::tests {

/// Lets the `nth` call to the kernel fail, once, that the daemon makes, or all
/// helper processes of this name together. For builds with REEVE_FAULT_POINTS;
/// has to outlive the daemon, who finds it when it starts a helper.
class kernel_fault {
public:
  /// `helper` is empty for the daemon.
  kernel_fault(std::string helper, std::uint64_t nth)
      : helper_(std::move(helper)),
        nth_(nth),
        file_(memory_file(std::string(sizeof(kernel::fault_log), '\0'))) {
    auto* at = ::mmap(nullptr, sizeof(kernel::fault_log),
                      PROT_READ | PROT_WRITE, MAP_SHARED, file_.get(), 0);
    detail::require(at != MAP_FAILED, "mmap");
    log_ = static_cast<kernel::fault_log*>(at);
  }

  kernel_fault(const kernel_fault&) = delete;
  kernel_fault& operator=(const kernel_fault&) = delete;

  ~kernel_fault() {
    ::munmap(log_, sizeof(kernel::fault_log));
  }

  /// KEY=VALUE, for the daemon.
  [[nodiscard]] std::vector<std::string> environment() const {
    auto out = std::vector<std::string>{
        "REEVE_KERNEL_FAULT_AT=" + std::to_string(nth_),
        "REEVE_KERNEL_FAULT_LOG=/proc/" + std::to_string(::getpid()) + "/fd/"
            + std::to_string(file_.get())};
    if (!helper_.empty())
      out.push_back("REEVE_KERNEL_FAULT_IN=" + helper_);
    return out;
  }

  /// Once no daemon will start another helper. What was mapped stays.
  void close() {
    file_.reset();
  }

  /// How many were made until now.
  [[nodiscard]] std::uint64_t calls() const {
    return log_->calls;
  }

  /// Which call has failed, and its callers; empty: none.
  [[nodiscard]] std::string text() const {
    return log_->text;
  }

private:
  std::string helper_;
  std::uint64_t nth_;
  kernel::unique_fd file_;
  kernel::fault_log* log_ = nullptr;
};

} // namespace reeve::tests
