// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/seccomp_profile.hpp"

#include "kernel-iface/seccomp_syscalls.hpp"
#include "kernel-iface/unique_fd.hpp"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/personality.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace reeve::kernel {

namespace {

constexpr std::uint64_t low_word = 0xffffffff;

// From linux/sched.h, which cannot be included beside sched.h.
constexpr std::uint64_t clone_newtime = 0x80;

// clone keeps the exit signal where CLONE_NEWTIME would be, and so cannot make
// time namespaces; unshare can.
constexpr std::uint64_t clone_namespaces =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER
    | CLONE_NEWPID | CLONE_NEWNET;
constexpr std::uint64_t unshare_namespaces = clone_namespaces | clone_newtime;

/// The rules under construction. The first failure stays, later calls do
/// nothing, so that the list reads without a check per line.
class rule_builder {
public:
  rule_builder() : ctx_(::seccomp_init(SCMP_ACT_ERRNO(EPERM))) {
    if (!ctx_) {
      fail(-ENOMEM, "create a seccomp filter", {});
      return;
    }
    set(SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    // A binary tree over the numbers instead of a list.
    set(SCMP_FLTATR_CTL_OPTIMIZE, 2);
  }

  void add_abi(std::uint32_t arch) {
    if (!failure_)
      check(::seccomp_arch_add(ctx_.get(), arch), "add the ABI",
            std::to_string(arch));
  }

  void allow(const char* name) {
    // A call that is allowed twice, once freely and once by argument, would be
    // refused by libseccomp (EEXIST) or lose its check, depending on order.
    unconditional_.insert(name);
    add(name, nullptr);
  }

  template <class Names>
  void allow_all(const Names& names) {
    for (const auto* name : names)
      allow(name);
  }

  /// One alternative: several for the same call are or'ed.
  void allow_if(const char* name, scmp_arg_cmp condition) {
    if (!unconditional_.contains(name))
      add(name, &condition);
  }

  result<std::vector<std::uint8_t>> program() {
    static constexpr auto subject = "the seccomp program";
    if (failure_)
      return tl::make_unexpected(*failure_);
    // libseccomp 2.5.4 exports to descriptors only.
    auto file = unique_fd::adopt(::memfd_create("reeve-seccomp", MFD_CLOEXEC));
    if (!file)
      return last_error("create a memory file for", subject);
    check(::seccomp_export_bpf(ctx_.get(), file.get()), "export", subject);
    if (failure_)
      return tl::make_unexpected(*failure_);
    auto size = ::lseek(file.get(), 0, SEEK_END);
    if (size < 0)
      return last_error("seek in", subject);
    auto bytes = std::vector<std::uint8_t>(static_cast<std::size_t>(size));
    auto got = ::pread(file.get(), bytes.data(), bytes.size(), 0);
    if (got < 0)
      return last_error("read back", subject);
    if (got != size)
      return make_error(EIO, "read back", subject, "it came short");
    return bytes;
  }

private:
  void set(scmp_filter_attr attribute, std::uint32_t value) {
    if (!failure_)
      check(::seccomp_attr_set(ctx_.get(), attribute, value),
            "set a seccomp filter attribute", std::to_string(attribute));
  }

  void add(const char* name, const scmp_arg_cmp* condition) {
    if (failure_)
      return;
    auto number = ::seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR)
      return fail(-EINVAL, "resolve the system call", name);
    // Not the _exact form: that one fails where an ABI lacks the call.
    check(::seccomp_rule_add_array(ctx_.get(), SCMP_ACT_ALLOW, number,
                                   condition != nullptr ? 1 : 0, condition),
          "allow the system call", name);
  }

  void check(int status, const char* operation, std::string subject) {
    if (status < 0)
      fail(status, operation, std::move(subject));
  }

  void fail(int status, const char* operation, std::string subject) {
    failure_ = sys_error{-status, operation, std::move(subject), {}};
  }

  struct release {
    void operator()(scmp_filter_ctx ctx) const noexcept {
      ::seccomp_release(ctx);
    }
  };

  std::unique_ptr<void, release> ctx_;
  std::set<std::string, std::less<>> unconditional_;
  std::optional<sys_error> failure_;
};

void allow_checked_calls(rule_builder& rules) {
  rules.allow_if("clone", SCMP_A0(SCMP_CMP_MASKED_EQ, clone_namespaces, 0));
  rules.allow_if("unshare", SCMP_A0(SCMP_CMP_MASKED_EQ, unshare_namespaces, 0));
  // The kernel reads 32 bits and callers disagree about the upper ones of -1.
  // No value here switches off address space randomisation or mmap_min_addr.
  for (std::uint64_t value :
       {std::uint64_t{PER_LINUX}, std::uint64_t{PER_LINUX32},
        std::uint64_t{UNAME26},
        std::uint64_t{PER_LINUX32} | std::uint64_t{UNAME26},
        low_word /* asks for the present one */})
    rules.allow_if("personality", SCMP_A0(SCMP_CMP_MASKED_EQ, low_word, value));
  // Not "all but AF_VSOCK": the kernel ignores the upper half of the register,
  // so 2^32 + AF_VSOCK would be unequal and still be it. All families below,
  // and one by one those above.
  static_assert(AF_VSOCK == 40);
  rules.allow_if("socket", SCMP_A0(SCMP_CMP_LT, AF_VSOCK));
  for (std::uint64_t family = AF_VSOCK + 1; family < AF_MAX; ++family)
    rules.allow_if("socket", SCMP_A0(SCMP_CMP_EQ, family));
}

void append(std::vector<sock_filter>& out,
            std::initializer_list<sock_filter> instructions) {
  out.insert(out.end(), instructions);
}

/// Refuses i386's socketcall(SYS_SOCKET). libseccomp derives it from the rules
/// for socket and drops their check, since the family lies in memory: without
/// this, `int $0x80` would give AF_VSOCK to 64-bit programs as well.
void refuse_unchecked_socket(std::vector<sock_filter>& out) {
#ifdef __x86_64__
  constexpr std::uint32_t i386_socketcall = 102;
  constexpr std::uint32_t sys_socket = 1; // linux/net.h
  append(out,
         {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_I386, 0, 5),
          BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, i386_socketcall, 0, 3),
          // The low word: i386 registers have no other, and it comes first.
          BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args)),
          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, sys_socket, 0, 1),
          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)});
#else
  static_cast<void>(out);
#endif
}

/// Decides about calls that libseccomp has no names for, and lets all others
/// fall through to the code that is appended to it.
std::vector<sock_filter> prologue(capability_set caps) {
  auto decisions = std::vector<sock_filter>{};
  for (const auto& [first, last, capability] : seccomp::late_syscalls) {
    if (capability >= 0 && !caps.contains(capability))
      continue;
    append(decisions, {BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, first, 0, 2),
                       BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, last, 1, 0),
                       BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)});
  }
  append(decisions, {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS)});
  auto size = static_cast<std::uint8_t>(decisions.size());
  auto out = std::vector<sock_filter>{};
  refuse_unchecked_socket(out);
#ifdef __x86_64__
  // The foreign ABI must reach the code that kills it, whatever its numbers.
  append(out, {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
               BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
               BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_I386, 0,
                        static_cast<std::uint8_t>(size + 3))});
#else
  append(out, {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
               BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_AARCH64, 0,
                        static_cast<std::uint8_t>(size + 3))});
#endif
  append(out, {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
               // x32's numbers are beyond all names: ENOSYS, as from a
               // kernel without that ABI.
               BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, seccomp::last_named_syscall,
                        0, size)});
  out.insert(out.end(), decisions.begin(), decisions.end());
  return out;
}

} // namespace

result<std::vector<std::uint8_t>> default_seccomp_profile(capability_set caps) {
  auto rules = rule_builder{};
  switch (::seccomp_arch_native()) {
  case SCMP_ARCH_X86_64:
    rules.add_abi(SCMP_ARCH_X86);
    break;
  case SCMP_ARCH_AARCH64:
    break;
  default:
    return make_error(ENOTSUP, "build the default seccomp profile", {},
                      "it exists for x86_64 and aarch64");
  }
  // Before the checked calls: a capability may lift the check.
  for (const auto& [capability, name] : seccomp::by_capability)
    if (caps.contains(capability))
      rules.allow(name);
  rules.allow_all(seccomp::files);
  rules.allow_all(seccomp::host_names);
  rules.allow_all(seccomp::file_events);
  rules.allow_all(seccomp::async_io);
  rules.allow_all(seccomp::waiting);
  rules.allow_all(seccomp::memory);
  rules.allow_all(seccomp::processes);
  rules.allow_all(seccomp::threads);
  rules.allow_all(seccomp::signals);
  rules.allow_all(seccomp::time);
  rules.allow_all(seccomp::network);
  rules.allow_all(seccomp::ipc);
  rules.allow_all(seccomp::credentials);
  rules.allow_all(seccomp::confinement);
  rules.allow_all(seccomp::machine);
  allow_checked_calls(rules);

  auto body = rules.program();
  if (!body)
    return body;
  auto head = prologue(caps);
  const auto* begin = reinterpret_cast<const std::uint8_t*>(head.data());
  body->insert(body->begin(), begin, begin + head.size() * sizeof(sock_filter));
  return body;
}

} // namespace reeve::kernel
