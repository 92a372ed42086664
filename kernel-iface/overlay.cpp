// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "kernel-iface/overlay.hpp"

#include "kernel-iface/mount.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace reeve::kernel {

namespace {

/// Their numbers fill the 255 bytes that fsconfig(2) takes as one value. Later
/// kernels take more; an image shall not depend on that.
constexpr auto most_layers = std::size_t{88};

/// Layers attached in the broker's namespace for as long as an overlay takes to
/// be made; it keeps private copies. All of them lie on one mount, so that one
/// umount takes them off, however far we came. For kernels that refuse detached
/// layers; the umount waits for a grace period, which is most of the time.
///
/// The working directory is the root of that mount meanwhile. It makes for
/// short names, of which the 255 bytes of an option hold some eighty, and the
/// container finds "lowerdir=0" and no host path in its mountinfo.
class workbench {
public:
  static result<workbench> set_up(const broker_namespace& home,
                                  std::size_t layers) {
    for (auto i = std::size_t{0}; i < layers; ++i) {
      auto name = "layers/" + std::to_string(i);
      if (::mkdirat(home.scratch(), name.c_str(), 0700) < 0 && errno != EEXIST)
        return last_error("mkdirat", name);
    }
    auto bench = clone_mount(home.scratch(), "layers");
    if (!bench)
      return pass_on(bench);
    auto done = attach_mount(bench->get(), home.scratch(), "layers", "layers");
    if (!done)
      return pass_on(done);
    auto self = workbench{home.scratch(), std::move(*bench)};
    if (::fchdir(self.mount_.get()) < 0)
      return last_error("fchdir", "layers");
    return self;
  }

  workbench(workbench&& other) noexcept = default;
  workbench& operator=(workbench&&) = delete;
  workbench(const workbench&) = delete;
  workbench& operator=(const workbench&) = delete;

  ~workbench() {
    if (!mount_)
      return;
    // A layer left attached here would be the next container's.
    if (::fchdir(scratch_) < 0
        || ::umount2("layers", MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
      std::abort();
  }

  [[nodiscard]] result<void> add(const unique_fd& layer,
                                 const std::string& name,
                                 const std::string& path) const {
    return attach_mount(layer.get(), mount_.get(), name, path);
  }

private:
  workbench(int scratch, unique_fd mount) noexcept
      : scratch_(scratch),
        mount_(std::move(mount)) {}

  int scratch_;
  unique_fd mount_;
};

result<unique_fd> open_layer(const std::string& path, int userns) {
  auto layer = clone_mount(AT_FDCWD, path);
  if (!layer)
    return layer;
  struct stat st = {};
  if (::fstat(layer->get(), &st) < 0)
    return last_error("fstat", path);
  if (!S_ISDIR(st.st_mode))
    return make_error(ENOTDIR, "use as an image layer", path);
  auto change =
      mount_attr{.attr_set = MOUNT_ATTR_NODEV, .propagation = MS_PRIVATE};
  if (userns >= 0) {
    change.attr_set |= MOUNT_ATTR_IDMAP;
    change.userns_fd = static_cast<std::uint64_t>(userns);
  }
  auto done = change_mount(layer->get(), change, path);
  if (!done && done.error().code == EINVAL && userns >= 0)
    done.error().hint = "its file system must support idmapped mounts";
  if (!done)
    return pass_on(done);
  return layer;
}

/// `w` is made last: where it is missing, an earlier attempt may have died
/// before `u` got its owner.
result<unique_fd> open_upper(const overlay_options& options, int top_layer) {
  const auto& path = options.upper_parent;
  auto upper =
      unique_fd::adopt(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!upper)
    return last_error("open upper layer", path);
  struct stat top = {};
  if (::fstat(top_layer, &top) < 0)
    return last_error("fstat", options.layers.front());
  if (::mkdirat(upper.get(), "u", top.st_mode & 07777U) < 0 && errno != EEXIST)
    return last_error("mkdirat", path + "/u");
  struct stat work = {};
  if (::fstatat(upper.get(), "w", &work, AT_SYMLINK_NOFOLLOW) == 0)
    return upper;
  if (::fchownat(upper.get(), "u", options.first_id, options.first_id,
                 AT_SYMLINK_NOFOLLOW)
      < 0)
    return last_error("chown", path + "/u");
  if (::mkdirat(upper.get(), "w", 0700) < 0)
    return last_error("mkdirat", path + "/w");
  return upper;
}

/// The kernel says EINVAL and tells only its own log why.
std::string hint_for(const sys_error& err, int upper) {
  struct stat st = {};
  if (err.code == EINVAL && upper >= 0
      && ::fstatat(upper, "w/work/incompat/volatile", &st, 0) == 0)
    return "the layer was mounted volatile before; what it holds may be "
           "incomplete: remove its directory \"w\" to use it all the same";
  return err.hint;
}

template <class AddLayers>
result<unique_fd> stack(AddLayers&& add_layers, int upper, durability writes) {
  // The options that decide the format on disk are named, whatever defaults
  // the host's module has. xino=auto gives one st_dev where inode numbers have
  // room for it, as find -xdev and tar expect.
  auto context = fs_context{"overlay"};
  context.set("source", "overlay"); // what df shows
  add_layers(context);
  context.set("metacopy", "off").set("index", "off").set("xino", "auto");
  if (upper < 0)
    return context.mount(MOUNT_ATTR_NODEV | MOUNT_ATTR_RDONLY);
  auto parent = "/proc/self/fd/" + std::to_string(upper);
  context.set("upperdir", parent + "/u")
      .set("workdir", parent + "/w")
      .set("redirect_dir", "on");
  if (writes == durability::throw_away)
    context.flag("volatile");
  return context.mount(MOUNT_ATTR_NODEV);
}

/// Linux 6.15, which takes descriptors (6.13) of detached mounts. Before, they
/// are EINVAL; before 6.5, where the overlay has no parameters of its own to
/// look at, EOPNOTSUPP.
result<unique_fd> stack_detached(const std::vector<unique_fd>& layers,
                                 int upper, durability writes) {
  return stack(
      [&layers](fs_context& context) {
        for (const auto& layer : layers)
          context.file("lowerdir+", layer.get());
      },
      upper, writes);
}

result<unique_fd> stack_attached(const broker_namespace& home,
                                 const std::vector<unique_fd>& layers,
                                 int upper, const overlay_options& options) {
  auto lower = std::string{};
  for (auto i = std::size_t{0}; i < layers.size(); ++i)
    lower += (i == 0 ? "" : ":") + std::to_string(i);
  auto bench = workbench::set_up(home, layers.size());
  if (!bench)
    return pass_on(bench);
  for (auto i = std::size_t{0}; i < layers.size(); ++i) {
    const auto& path = i < options.layers.size() ? options.layers[i] : "layers";
    if (auto added = bench->add(layers[i], std::to_string(i), path); !added)
      return pass_on(added);
  }
  return stack(
      [&lower](fs_context& context) { context.set("lowerdir", lower); }, upper,
      options.writes);
}

} // namespace

result<unique_fd> make_overlay(const broker_namespace& home, int userns,
                               const overlay_options& options) {
  if (options.layers.empty())
    return make_error(EINVAL, "make an overlay without layers");
  auto layers = std::vector<unique_fd>{};
  for (const auto& path : options.layers) {
    auto layer = open_layer(path, userns);
    if (!layer)
      return pass_on(layer);
    layers.push_back(std::move(*layer));
  }
  auto upper = unique_fd{};
  if (!options.upper_parent.empty()) {
    auto opened = open_upper(options, layers.front().get());
    if (!opened)
      return opened;
    upper = std::move(*opened);
  } else {
    // The lowest layer, so that the image's own directories win over it. It
    // also is the second one, without which there is no overlay to make.
    auto points = clone_mount(home.scratch(), "mount-points");
    if (!points)
      return points;
    layers.push_back(std::move(*points));
  }
  if (layers.size() > most_layers)
    return make_error(
        E2BIG, "stack " + std::to_string(layers.size()) + " image layers", {},
        "join some of them into one");
  // What an older kernel refuses this way may also be wrong in itself: then
  // the other way says so.
  auto made = stack_detached(layers, upper.get(), options.writes);
  if (!made && (made.error().code == EINVAL || made.error().code == EOPNOTSUPP))
    made = stack_attached(home, layers, upper.get(), options);
  if (!made)
    made.error().hint = hint_for(made.error(), upper.get());
  return made;
}

} // namespace reeve::kernel
