// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <linux/capability.h>

#include <array>

/// The list behind `default_seccomp_profile`, by purpose. Names that an ABI
/// lacks are skipped there; a name that libseccomp does not know is an error.
///
/// Left out, whatever the capabilities, and why:
/// - add_key, keyctl, request_key: keyrings belong to the user, not to any
///   namespace; containers that share ids would share keys.
/// - io_uring_*: a second way to make calls that no filter sees, and the
///   source of many kernel exploits.
/// - userfaultfd: holds the kernel at a page fault of the attacker's choice,
///   which turns races into exploits.
/// - kexec_load, kexec_file_load: replace the kernel.
/// - swapon, swapoff, nfsservctl, quota of the host's devices by name: they
///   act on the machine, and no container has a reason.
/// - uselib, ustat, sysfs, _sysctl, vm86, vm86old, and the never implemented:
///   obsolete, with old bugs.
/// - AF_VSOCK sockets: no namespace confines them; they reach the hypervisor.
/// Without their capability (see `by_capability`): the mount family, setns,
/// bpf, perf_event_open, open_by_handle_at (escapes from a bind mount by
/// guessing inodes), module loading, reboot, setting clocks, I/O ports.
///
/// ptrace and process_vm_* are allowed: since Linux 4.8 a tracer cannot step
/// around the filter of its tracee.
namespace reeve::kernel::seccomp {

inline constexpr auto files = std::array{"access",
                                         "chdir",
                                         "chmod",
                                         "chown",
                                         "chown32",
                                         "close",
                                         "close_range",
                                         "copy_file_range",
                                         "creat",
                                         "dup",
                                         "dup2",
                                         "dup3",
                                         "faccessat",
                                         "faccessat2",
                                         "fadvise64",
                                         "fadvise64_64",
                                         "fallocate",
                                         "fchdir",
                                         "fchmod",
                                         "fchmodat",
                                         "fchown",
                                         "fchown32",
                                         "fchownat",
                                         "fcntl",
                                         "fcntl64",
                                         "fdatasync",
                                         "fgetxattr",
                                         "flistxattr",
                                         "flock",
                                         "fremovexattr",
                                         "fsetxattr",
                                         "fstat",
                                         "fstat64",
                                         "fstatat64",
                                         "fstatfs",
                                         "fstatfs64",
                                         "fsync",
                                         "ftruncate",
                                         "ftruncate64",
                                         "futimesat",
                                         "getcwd",
                                         "getdents",
                                         "getdents64",
                                         "getxattr",
                                         "ioctl",
                                         "lchown",
                                         "lchown32",
                                         "lgetxattr",
                                         "link",
                                         "linkat",
                                         "listxattr",
                                         "llistxattr",
                                         "_llseek",
                                         "lremovexattr",
                                         "lseek",
                                         "lsetxattr",
                                         "lstat",
                                         "lstat64",
                                         "mkdir",
                                         "mkdirat",
                                         "mknod",
                                         "mknodat",
                                         "name_to_handle_at",
                                         "newfstatat",
                                         "open",
                                         "openat",
                                         "openat2",
                                         "pread64",
                                         "preadv",
                                         "preadv2",
                                         "pwrite64",
                                         "pwritev",
                                         "pwritev2",
                                         "read",
                                         "readahead",
                                         "readlink",
                                         "readlinkat",
                                         "readv",
                                         "removexattr",
                                         "rename",
                                         "renameat",
                                         "renameat2",
                                         "rmdir",
                                         "sendfile",
                                         "sendfile64",
                                         "setxattr",
                                         "splice",
                                         "stat",
                                         "stat64",
                                         "statfs",
                                         "statfs64",
                                         "statx",
                                         "symlink",
                                         "symlinkat",
                                         "sync",
                                         "sync_file_range",
                                         "syncfs",
                                         "tee",
                                         "truncate",
                                         "truncate64",
                                         "umask",
                                         "unlink",
                                         "unlinkat",
                                         "utime",
                                         "utimensat",
                                         "utimensat_time64",
                                         "utimes",
                                         "vmsplice",
                                         "write",
                                         "writev"};

// The holder sets the host name after its filter is in place; of the container
// the kernel asks for CAP_SYS_ADMIN anyway.
inline constexpr auto host_names = std::array{"sethostname", "setdomainname"};

inline constexpr auto file_events =
    std::array{"fanotify_mark", "inotify_add_watch", "inotify_init",
               "inotify_init1", "inotify_rm_watch"};

/// Linux AIO; databases use it. Unlike io_uring it only reads and writes.
inline constexpr auto async_io =
    std::array{"io_cancel",     "io_destroy",           "io_getevents",
               "io_pgetevents", "io_pgetevents_time64", "io_setup",
               "io_submit",     "ioprio_get",           "ioprio_set"};

inline constexpr auto waiting = std::array{"epoll_create",
                                           "epoll_create1",
                                           "epoll_ctl",
                                           "epoll_ctl_old",
                                           "epoll_pwait",
                                           "epoll_pwait2",
                                           "epoll_wait",
                                           "epoll_wait_old",
                                           "eventfd",
                                           "eventfd2",
                                           "_newselect",
                                           "pause",
                                           "pipe",
                                           "pipe2",
                                           "poll",
                                           "ppoll",
                                           "ppoll_time64",
                                           "pselect6",
                                           "pselect6_time64",
                                           "select",
                                           "signalfd",
                                           "signalfd4",
                                           "timerfd_create",
                                           "timerfd_gettime",
                                           "timerfd_gettime64",
                                           "timerfd_settime",
                                           "timerfd_settime64"};

inline constexpr auto memory = std::array{"brk",
                                          "madvise",
                                          "membarrier",
                                          "memfd_create",
                                          "memfd_secret",
                                          "mincore",
                                          "mlock",
                                          "mlock2",
                                          "mlockall",
                                          "mmap",
                                          "mmap2",
                                          "mprotect",
                                          "mremap",
                                          "msync",
                                          "munlock",
                                          "munlockall",
                                          "munmap",
                                          "pkey_alloc",
                                          "pkey_free",
                                          "pkey_mprotect",
                                          "process_mrelease",
                                          "remap_file_pages"};

/// clone, unshare and personality are not here: they are checked by argument.
inline constexpr auto processes = std::array{"arch_prctl",
                                             "clone3",
                                             "execve",
                                             "execveat",
                                             "exit",
                                             "exit_group",
                                             "fork",
                                             "getpgid",
                                             "getpgrp",
                                             "getpid",
                                             "getppid",
                                             "getpriority",
                                             "getrlimit",
                                             "getrusage",
                                             "getsid",
                                             "gettid",
                                             "kcmp",
                                             "kill",
                                             "pidfd_open",
                                             "pidfd_send_signal",
                                             "prctl",
                                             "prlimit64",
                                             "process_vm_readv",
                                             "process_vm_writev",
                                             "ptrace",
                                             "setpgid",
                                             "setpriority",
                                             "setrlimit",
                                             "setsid",
                                             "tgkill",
                                             "times",
                                             "tkill",
                                             "ugetrlimit",
                                             "vfork",
                                             "wait4",
                                             "waitid",
                                             "waitpid"};

inline constexpr auto threads = std::array{"futex",
                                           "futex_time64",
                                           "futex_waitv",
                                           "get_robust_list",
                                           "get_thread_area",
                                           "getcpu",
                                           "modify_ldt",
                                           "rseq",
                                           "sched_get_priority_max",
                                           "sched_get_priority_min",
                                           "sched_getaffinity",
                                           "sched_getattr",
                                           "sched_getparam",
                                           "sched_getscheduler",
                                           "sched_rr_get_interval",
                                           "sched_rr_get_interval_time64",
                                           "sched_setaffinity",
                                           "sched_setattr",
                                           "sched_setparam",
                                           "sched_setscheduler",
                                           "sched_yield",
                                           "set_robust_list",
                                           "set_thread_area",
                                           "set_tid_address"};

inline constexpr auto signals =
    std::array{"restart_syscall",   "rt_sigaction",    "rt_sigpending",
               "rt_sigprocmask",    "rt_sigqueueinfo", "rt_sigreturn",
               "rt_sigsuspend",     "rt_sigtimedwait", "rt_sigtimedwait_time64",
               "rt_tgsigqueueinfo", "sigaltstack",     "sigprocmask",
               "sigreturn"};

/// Reading clocks and own timers. adjtimex and clock_adjtime read unless the
/// caller holds CAP_SYS_TIME, which the kernel checks.
inline constexpr auto time = std::array{"adjtimex",
                                        "alarm",
                                        "clock_adjtime",
                                        "clock_adjtime64",
                                        "clock_getres",
                                        "clock_getres_time64",
                                        "clock_gettime",
                                        "clock_gettime64",
                                        "clock_nanosleep",
                                        "clock_nanosleep_time64",
                                        "getitimer",
                                        "gettimeofday",
                                        "nanosleep",
                                        "setitimer",
                                        "time",
                                        "timer_create",
                                        "timer_delete",
                                        "timer_getoverrun",
                                        "timer_gettime",
                                        "timer_gettime64",
                                        "timer_settime",
                                        "timer_settime64"};

/// socket is not here: its family is checked. i386's socketcall and ipc follow
/// from these names: libseccomp admits each sub-call that is on the list.
inline constexpr auto network = std::array{
    "accept",      "accept4",         "bind",       "connect",  "getpeername",
    "getsockname", "getsockopt",      "listen",     "recv",     "recvfrom",
    "recvmmsg",    "recvmmsg_time64", "recvmsg",    "send",     "sendmmsg",
    "sendmsg",     "sendto",          "setsockopt", "shutdown", "socketpair"};

/// Confined by the ipc namespace.
inline constexpr auto ipc = std::array{"mq_getsetattr",
                                       "mq_notify",
                                       "mq_open",
                                       "mq_timedreceive",
                                       "mq_timedreceive_time64",
                                       "mq_timedsend",
                                       "mq_timedsend_time64",
                                       "mq_unlink",
                                       "msgctl",
                                       "msgget",
                                       "msgrcv",
                                       "msgsnd",
                                       "semctl",
                                       "semget",
                                       "semop",
                                       "semtimedop",
                                       "semtimedop_time64",
                                       "shmat",
                                       "shmctl",
                                       "shmdt",
                                       "shmget"};

/// Changes of identity: the kernel checks the capability.
inline constexpr auto credentials = std::array{
    "capget",     "capset",      "getegid",     "getegid32",   "geteuid",
    "geteuid32",  "getgid",      "getgid32",    "getgroups",   "getgroups32",
    "getresgid",  "getresgid32", "getresuid",   "getresuid32", "getuid",
    "getuid32",   "setfsgid",    "setfsgid32",  "setfsuid",    "setfsuid32",
    "setgid",     "setgid32",    "setgroups",   "setgroups32", "setregid",
    "setregid32", "setresgid",   "setresgid32", "setresuid",   "setresuid32",
    "setreuid",   "setreuid32",  "setuid",      "setuid32"};

/// Self-confinement, which only ever takes rights away.
inline constexpr auto confinement =
    std::array{"landlock_add_rule", "landlock_create_ruleset",
               "landlock_restrict_self", "seccomp"};

inline constexpr auto machine = std::array{"getrandom", "sysinfo", "uname"};

struct rule {
  int capability;
  const char* syscall;
};

/// Allowed only to a container that holds the capability.
inline constexpr auto by_capability = std::array{
    rule{CAP_BPF, "bpf"}, rule{CAP_DAC_READ_SEARCH, "open_by_handle_at"},
    rule{CAP_PERFMON, "perf_event_open"},
    // Namespaces, mounts and what nested containers need.
    rule{CAP_SYS_ADMIN, "bpf"}, rule{CAP_SYS_ADMIN, "clone"},
    rule{CAP_SYS_ADMIN, "fanotify_init"}, rule{CAP_SYS_ADMIN, "fsconfig"},
    rule{CAP_SYS_ADMIN, "fsmount"}, rule{CAP_SYS_ADMIN, "fsopen"},
    rule{CAP_SYS_ADMIN, "fspick"}, rule{CAP_SYS_ADMIN, "lookup_dcookie"},
    rule{CAP_SYS_ADMIN, "mount"}, rule{CAP_SYS_ADMIN, "mount_setattr"},
    rule{CAP_SYS_ADMIN, "move_mount"}, rule{CAP_SYS_ADMIN, "open_tree"},
    rule{CAP_SYS_ADMIN, "perf_event_open"}, rule{CAP_SYS_ADMIN, "pivot_root"},
    rule{CAP_SYS_ADMIN, "quotactl"}, rule{CAP_SYS_ADMIN, "quotactl_fd"},
    rule{CAP_SYS_ADMIN, "setns"}, rule{CAP_SYS_ADMIN, "syslog"},
    rule{CAP_SYS_ADMIN, "umount"}, rule{CAP_SYS_ADMIN, "umount2"},
    rule{CAP_SYS_ADMIN, "unshare"}, rule{CAP_SYS_BOOT, "reboot"},
    rule{CAP_SYS_CHROOT, "chroot"}, rule{CAP_SYS_MODULE, "delete_module"},
    rule{CAP_SYS_MODULE, "finit_module"}, rule{CAP_SYS_MODULE, "init_module"},
    rule{CAP_SYS_NICE, "get_mempolicy"}, rule{CAP_SYS_NICE, "mbind"},
    rule{CAP_SYS_NICE, "migrate_pages"}, rule{CAP_SYS_NICE, "move_pages"},
    rule{CAP_SYS_NICE, "set_mempolicy"},
    rule{CAP_SYS_NICE, "set_mempolicy_home_node"}, rule{CAP_SYS_PACCT, "acct"},
    rule{CAP_SYS_PTRACE, "pidfd_getfd"},
    rule{CAP_SYS_PTRACE, "process_madvise"}, rule{CAP_SYS_RAWIO, "ioperm"},
    rule{CAP_SYS_RAWIO, "iopl"}, rule{CAP_SYS_TIME, "clock_settime"},
    rule{CAP_SYS_TIME, "clock_settime64"}, rule{CAP_SYS_TIME, "settimeofday"},
    rule{CAP_SYS_TIME, "stime"}, rule{CAP_SYS_TTY_CONFIG, "vhangup"},
    rule{CAP_SYSLOG, "syslog"}};

/// Calls with numbers above the last that libseccomp 2.5.4 knows; such numbers
/// are the same in every ABI.
struct late_range {
  unsigned first;
  unsigned last;
  /// -1: everybody.
  int capability;
};

inline constexpr unsigned last_named_syscall = 450; // set_mempolicy_home_node

/// What is not here has ENOSYS as its answer.
inline constexpr auto late_syscalls = std::array{
    // cachestat, fchmodat2, map_shadow_stack, futex_wake, futex_wait,
    // futex_requeue
    late_range{451, 456, -1},
    // statmount, listmount: the mount namespace tells the paths of the host.
    late_range{457, 458, CAP_SYS_ADMIN},
    // mseal, setxattrat, getxattrat, listxattrat, removexattrat
    late_range{462, 466, -1},
    // open_tree_attr
    late_range{467, 467, CAP_SYS_ADMIN},
    // file_getattr, file_setattr
    late_range{468, 469, -1}};

} // namespace reeve::kernel::seccomp
