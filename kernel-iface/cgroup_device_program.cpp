// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/cgroup_devices.hpp"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

namespace reeve::kernel {

namespace {

/// By this name we find our program among others on the same group.
constexpr char program_name[] = "reeve_devices";
static_assert(sizeof program_name <= BPF_OBJ_NAME_LEN);

constexpr std::size_t most_programs = 64; // the kernel's own limit per group

// Registers: the context on entry, and what we unpack from it.
constexpr std::uint8_t verdict = BPF_REG_0;
constexpr std::uint8_t context = BPF_REG_1; // scratch, once unpacked
constexpr std::uint8_t type = BPF_REG_2;
constexpr std::uint8_t access = BPF_REG_3;
constexpr std::uint8_t device_major = BPF_REG_4;
constexpr std::uint8_t device_minor = BPF_REG_5;

// bpf_insn has bit fields, which aggregate initialisation fills in order:
// code, destination, source, offset, immediate.
bpf_insn load(std::uint8_t to, std::size_t offset) {
  return {BPF_LDX | BPF_MEM | BPF_W, to, context,
          static_cast<std::int16_t>(offset), 0};
}

bpf_insn alu(std::uint8_t op, std::uint8_t to, std::uint32_t value) {
  return {static_cast<std::uint8_t>(BPF_ALU | op | BPF_K), to, 0, 0,
          static_cast<std::int32_t>(value)};
}

bpf_insn copy(std::uint8_t to, std::uint8_t from) {
  return {BPF_ALU | BPF_MOV | BPF_X, to, from, 0, 0};
}

/// 32 bits wide, so that a number above 2^31 is not sign-extended. The offset
/// is filled in when the length of the rule is known.
bpf_insn skip_unless_equal(std::uint8_t reg, std::uint32_t value) {
  return {BPF_JMP32 | BPF_JNE | BPF_K, reg, 0, 0,
          static_cast<std::int32_t>(value)};
}

void append_verdict(std::vector<bpf_insn>& code, std::uint32_t value) {
  code.push_back(alu(BPF_MOV, verdict, value));
  code.push_back({BPF_JMP | BPF_EXIT, 0, 0, 0, 0});
}

/// The tests of one rule; each jumps to the next rule if it fails.
std::vector<bpf_insn> conditions(const device_rule& rule) {
  std::vector<bpf_insn> code;
  if (rule.type != device_rule::kind::any)
    code.push_back(skip_unless_equal(type, rule.type == device_rule::kind::block
                                               ? BPF_DEVCG_DEV_BLOCK
                                               : BPF_DEVCG_DEV_CHAR));
  if (rule.access != device_rule::all) {
    code.push_back(copy(context, access));
    code.push_back(alu(BPF_AND, context, device_rule::all & ~rule.access));
    code.push_back(skip_unless_equal(context, 0)); // asks for more than allowed
  }
  if (rule.major)
    code.push_back(skip_unless_equal(device_major, *rule.major));
  if (rule.minor)
    code.push_back(skip_unless_equal(device_minor, *rule.minor));
  return code;
}

static_assert(device_rule::make == BPF_DEVCG_ACC_MKNOD
              && device_rule::read == BPF_DEVCG_ACC_READ
              && device_rule::write == BPF_DEVCG_ACC_WRITE);

std::vector<bpf_insn> assemble(const std::vector<device_rule>& rules) {
  // access_type is (access << 16) | type.
  std::vector<bpf_insn> program{
      load(type, offsetof(bpf_cgroup_dev_ctx, access_type)),
      load(device_major, offsetof(bpf_cgroup_dev_ctx, major)),
      load(device_minor, offsetof(bpf_cgroup_dev_ctx, minor)),
      copy(access, type),
      alu(BPF_RSH, access, 16),
      alu(BPF_AND, type, 0xffff),
  };
  for (const auto& rule : rules) {
    auto code = conditions(rule);
    auto unconditional = code.empty();
    append_verdict(code, 1);
    for (std::size_t i = 0; i < code.size(); ++i)
      if (BPF_CLASS(code[i].code) == BPF_JMP32)
        code[i].off = static_cast<std::int16_t>(code.size() - i - 1);
    program.insert(program.end(), code.begin(), code.end());
    if (unconditional)
      return program; // the verifier refuses code that cannot be reached
  }
  append_verdict(program, 0);
  return program;
}

/// The kernel refuses an attr whose unknown tail is not zero, so each call
/// starts from a cleared one.
long bpf(bpf_cmd command, bpf_attr& attr) {
  return ::syscall(SYS_bpf, command, &attr, sizeof attr);
}

bpf_attr cleared() {
  bpf_attr attr;
  std::memset(&attr, 0, sizeof attr);
  return attr;
}

template <class T>
std::uint64_t address(T* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer);
}

/// The program that an earlier call attached to this very group, if any.
result<std::optional<unique_fd>> find_attached(int group,
                                               const cgroup_dir& dir) {
  std::array<std::uint32_t, most_programs> ids{};
  auto query = cleared();
  query.query.target_fd = static_cast<std::uint32_t>(group);
  query.query.attach_type = BPF_CGROUP_DEVICE;
  query.query.prog_ids = address(ids.data());
  query.query.prog_cnt = ids.size();
  if (bpf(BPF_PROG_QUERY, query) != 0)
    return last_error("list the BPF programs of", dir.path());
  for (std::size_t i = 0; i < query.query.prog_cnt; ++i) {
    auto by_id = cleared();
    by_id.prog_id = ids[i];
    auto fd =
        unique_fd::adopt(static_cast<int>(bpf(BPF_PROG_GET_FD_BY_ID, by_id)));
    if (!fd && errno == ENOENT)
      continue; // a stranger's, detached in between
    if (!fd)
      return last_error("open a BPF program of", dir.path());
    bpf_prog_info about{};
    auto ask = cleared();
    ask.info.bpf_fd = static_cast<std::uint32_t>(fd.get());
    ask.info.info_len = sizeof about;
    ask.info.info = address(&about);
    if (bpf(BPF_OBJ_GET_INFO_BY_FD, ask) != 0)
      return last_error("look at a BPF program of", dir.path());
    if (std::strcmp(about.name, program_name) == 0)
      return std::optional{std::move(fd)};
  }
  return std::optional<unique_fd>{};
}

} // namespace

result<unique_fd> load_device_program(const std::vector<device_rule>& rules) {
  auto code = assemble(rules);
  auto attr = cleared();
  attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attr.expected_attach_type = BPF_CGROUP_DEVICE;
  attr.insns = address(code.data());
  attr.insn_cnt = static_cast<std::uint32_t>(code.size());
  static constexpr char license[] = "BSD";
  attr.license = address(license);
  std::memcpy(attr.prog_name, program_name, sizeof program_name);
  // EAGAIN: a signal interrupted the verifier. Programs are close-on-exec.
  auto fd = -1L;
  for (auto attempts = 0; fd < 0 && attempts < 5; ++attempts) {
    fd = bpf(BPF_PROG_LOAD, attr);
    if (fd < 0 && errno != EAGAIN)
      break;
  }
  if (fd < 0)
    return make_error(errno, "load a BPF program of",
                      std::to_string(rules.size()) + " device rules",
                      "needs CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN, and "
                      "CONFIG_CGROUP_BPF");
  return unique_fd::adopt(static_cast<int>(fd));
}

/// BPF_F_REPLACE exchanges programs: no moment is without rules or has both.
result<void> attach_device_program(const cgroup_dir& dir, int program) {
  auto group = open_dir(dir);
  if (!group)
    return tl::make_unexpected(std::move(group.error()));
  auto old = find_attached(group->get(), dir);
  if (!old)
    return tl::make_unexpected(std::move(old.error()));
  auto attr = cleared();
  attr.target_fd = static_cast<std::uint32_t>(group->get());
  attr.attach_bpf_fd = static_cast<std::uint32_t>(program);
  attr.attach_type = BPF_CGROUP_DEVICE;
  attr.attach_flags = BPF_F_ALLOW_MULTI;
  if (*old) {
    attr.attach_flags |= BPF_F_REPLACE;
    attr.replace_bpf_fd = static_cast<std::uint32_t>((*old)->get());
  }
  if (bpf(BPF_PROG_ATTACH, attr) != 0)
    return make_error(errno, "attach device rules to", dir.path(),
                      "a group above may have a program that forbids others "
                      "(attached without BPF_F_ALLOW_MULTI)");
  return {};
}

} // namespace reeve::kernel
