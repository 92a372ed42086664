// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "benchmarks/peers.hpp"

#include "benchmarks/oci_bundle.hpp"
#include "benchmarks/private_mounts.hpp"
#include "benchmarks/stopwatch.hpp"

#include <boost/process/args.hpp>
#include <boost/process/child.hpp>
#include <boost/process/exe.hpp>
#include <boost/process/extend.hpp>
#include <boost/process/io.hpp>
#include <boost/process/posix.hpp>
#include <boost/process/search_path.hpp>

#include <sched.h>
#include <unistd.h>

#include <fstream>
#include <system_error>
#include <utility>

namespace bp = boost::process;

namespace reeve::bench {

using kernel::make_error;
using kernel::result;

namespace {

/// The last line: runtimes say there what went wrong.
std::string last_line(const std::string& path) {
  auto last = std::string{};
  auto in = std::ifstream{path};
  for (auto line = std::string{}; std::getline(in, line);)
    if (!line.empty())
      last = line;
  return last;
}

} // namespace

peer::peer(std::string name, std::string program, scratch_directory directory,
           kernel::unique_fd mounts)
    : name_(std::move(name)),
      program_(std::move(program)),
      directory_(std::move(directory)),
      mounts_(std::move(mounts)) {}

peer::peer(peer&& other) noexcept
    : name_(std::move(other.name_)),
      program_(std::move(other.program_)),
      directory_(std::move(other.directory_)),
      mounts_(std::move(other.mounts_)),
      long_lived_(std::exchange(other.long_lived_, {})),
      one_shot_(std::exchange(other.one_shot_, {})),
      victim_(std::exchange(other.victim_, {})) {}

peer::~peer() {
  for (auto* box : {&long_lived_, &one_shot_, &victim_})
    if (box->exists)
      (void)remove(*box).has_value(); // the last try; nobody left to tell
}

result<peer> peer::prepare(std::string name, std::string program) {
  auto directory = scratch_directory::make();
  if (!directory)
    return tl::make_unexpected(std::move(directory.error()));
  if (auto ok = make_busybox_root(directory->path() / "rootfs"); !ok)
    return tl::make_unexpected(std::move(ok.error()));
  auto mounts = make_private_mounts();
  if (!mounts)
    return tl::make_unexpected(std::move(mounts.error()));
  auto out = peer{std::move(name), std::move(program), std::move(*directory),
                  std::move(*mounts)};
  const auto sleep = std::vector<std::string>{"/bin/sleep", "100000"};
  for (const auto& [box, role, command] :
       {std::tuple{&out.long_lived_, "long-lived", sleep},
        std::tuple{&out.one_shot_, "one-shot",
                   std::vector<std::string>{"/bin/true"}},
        std::tuple{&out.victim_, "victim", sleep}}) {
    auto made = out.make_bundle(role, command);
    if (!made)
      return tl::make_unexpected(std::move(made.error()));
    *box = std::move(*made);
  }
  return out;
}

result<peer::container>
peer::make_bundle(const std::string& role,
                  std::vector<std::string> command) const {
  auto box = container{"reeve-bench-" + std::to_string(::getpid()) + "-" + name_
                           + "-" + role,
                       (directory_.path() / role).string()};
  if (auto ok = write_oci_bundle(box.bundle, directory_.path() / "rootfs",
                                 box.id, command);
      !ok)
    return tl::make_unexpected(std::move(ok.error()));
  return box;
}

result<duration> peer::call(std::vector<std::string> arguments) const {
  const auto verb = name_ + " " + arguments.front();
  const auto said = (directory_.path() / "stderr").string();
  const auto state = std::string{"--root"};
  arguments.insert(arguments.begin(),
                   {state, (directory_.path() / "state").string()});
  auto failure = std::error_code{};
  // Between vfork and exec: this process's memory is shared, its mount
  // namespace is not. The process group, so that a Ctrl-C on the terminal does
  // not stop the runtime half-way through a container.
  auto enter = [mounts = mounts_.get()](auto&) {
    if (::setns(mounts, CLONE_NEWNS) != 0 || ::setpgid(0, 0) != 0)
      ::_exit(126);
  };
  const auto watch = stopwatch{};
  auto child = bp::child(bp::exe = program_, bp::args = arguments,
                         bp::std_in<bp::null, bp::std_out> bp::null,
                         bp::std_err > said, bp::posix::use_vfork,
                         bp::extend::on_exec_setup = enter, failure);
  if (!failure)
    child.wait(failure);
  const auto took = watch.elapsed();
  if (failure)
    return make_error(failure.value(), "run", verb);
  if (child.exit_code() != 0)
    return make_error(0, "run", verb,
                      "exit status " + std::to_string(child.exit_code()) + ": "
                          + last_line(said));
  return took;
}

result<void> peer::start(container& box) const {
  if (box.exists)
    return {};
  // Also when it fails: it may have failed half-way.
  box.exists = true;
  auto took = call({"run", "--detach", "--bundle", box.bundle, box.id});
  if (!took)
    return tl::make_unexpected(std::move(took.error()));
  return {};
}

result<duration> peer::remove(container& box) const {
  auto took = call({"delete", "--force", box.id});
  if (took)
    box.exists = false;
  return took;
}

result<duration> peer::measure(peer_command what) {
  auto& box = what == peer_command::remove ? victim_ : long_lived_;
  if (what != peer_command::run)
    if (auto ok = start(box); !ok)
      return tl::make_unexpected(std::move(ok.error()));
  switch (what) {
  case peer_command::exec:
    return call({"exec", box.id, "/bin/true"});
  case peer_command::run: {
    // Deletes itself at the end; only a failed one may still exist.
    one_shot_.exists = true;
    auto took = call({"run", "--bundle", one_shot_.bundle, one_shot_.id});
    one_shot_.exists = !took.has_value();
    return took;
  }
  case peer_command::remove:
    return remove(box);
  case peer_command::update:
    return call({"update", "--memory", "67108864", box.id});
  }
  return make_error(0, "measure", "an unknown command of " + name_);
}

std::string peer::label(peer_command what) const {
  switch (what) {
  case peer_command::exec:
    return name_ + "_exec";
  case peer_command::run:
    return name_ + "_run";
  case peer_command::remove:
    return name_ + "_delete";
  case peer_command::update:
    return name_ + "_update";
  }
  return name_;
}

peer_set peer_set::find() {
  auto out = peer_set{};
  for (const auto* name : {"crun", "runc"}) {
    const auto program = bp::search_path(name);
    if (program.empty()) {
      out.notes.push_back(std::string{name} + " is not installed");
      continue;
    }
    auto made = peer::prepare(name, program.string());
    if (made)
      out.peers.push_back(std::move(*made));
    else
      out.notes.push_back(std::string{name} + ": " + to_string(made.error()));
  }
  return out;
}

} // namespace reeve::bench
