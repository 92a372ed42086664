// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// For ThreadSanitizer, which sees what compiled code does and not what Debian's
// CAF does: that a message is sent before it is handled, that an actor handles
// one at a time, and that who drops the last reference comes after all others.
// These functions take the place of CAF's own (a program's symbols come before
// those of its libraries), say so, and call them.

#include <dlfcn.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>

#include <sanitizer/tsan_interface.h>

namespace {

template <class Function>
Function* original(const char* name) {
  if (auto* found = ::dlsym(RTLD_NEXT, name))
    return reinterpret_cast<Function*>(found);
  std::fprintf(stderr, "this CAF has no %s\n", name);
  std::abort();
}

void before(void* what) {
  __tsan_release(what);
}

void after(void* what) {
  __tsan_acquire(what);
}

// Of all messages that an actor has got, handled or not.
void* mailbox_of(void* actor) {
  return static_cast<char*>(actor) + 1;
}

// The one that finds itself the last deletes the object: then it comes after
// everybody else.
void drop(void* reference_count) {
  before(reference_count);
  after(reference_count);
}

} // namespace

// The arguments that are unique_ptrs come as pointers to them.
#define REEVE_IN_PLACE_OF(symbol) __asm__(symbol)

#define SCHEDULED_ENQUEUE                                                      \
  "_ZN3caf15scheduled_actor7enqueueESt10unique_ptrINS_15mailbox_"              \
  "elementENS_6detail8disposerEEPNS_14execution_unitE"
#define BLOCKING_ENQUEUE                                                       \
  "_ZN3caf14blocking_actor7enqueueESt10unique_ptrINS_15mailbox_"               \
  "elementENS_6detail8disposerEEPNS_14execution_unitE"
#define SCHEDULED_HANDLE                                                       \
  "_ZN3caf15scheduled_actor10reactivateERNS_15mailbox_elementE"
#define SCHEDULED_LAUNCH                                                       \
  "_ZN3caf15scheduled_actor6launchEPNS_14execution_unitEbb"
#define SCHEDULED_BEGIN                                                        \
  "_ZN3caf15scheduled_actor8activateEPNS_14execution_unitE"
#define SCHEDULED_CLEANUP                                                      \
  "_ZN3caf15scheduled_actor7cleanupEONS_5errorEPNS_14execution_unitE"
#define BLOCKING_CLEANUP                                                       \
  "_ZN3caf14blocking_actor7cleanupEONS_5errorEPNS_14execution_unitE"
#define BLOCKING_HANDLE                                                        \
  "_ZN3caf14blocking_actor15mailbox_visitorclERNS_15mailbox_elementE"
#define DEREF "_ZNK3caf11ref_counted5derefEv"
#define RELEASE_STRONG                                                         \
  "_ZN3caf21intrusive_ptr_releaseEPNS_19actor_control_blockE"
#define RELEASE_WEAK                                                           \
  "_ZN3caf26intrusive_ptr_release_weakEPNS_19actor_control_blockE"
#define UPGRADE_WEAK                                                           \
  "_ZN3caf26intrusive_ptr_upgrade_weakEPNS_19actor_control_blockE"

extern "C" {

using enqueue_function = void(void* actor, void** element, void* host);

void scheduled_enqueue(void* actor, void** element, void* host)
    REEVE_IN_PLACE_OF(SCHEDULED_ENQUEUE);
void scheduled_enqueue(void* actor, void** element, void* host) {
  static auto* caf = original<enqueue_function>(SCHEDULED_ENQUEUE);
  before(*element);
  before(mailbox_of(actor));
  caf(actor, element, host);
}

void blocking_enqueue(void* actor, void** element, void* host)
    REEVE_IN_PLACE_OF(BLOCKING_ENQUEUE);
void blocking_enqueue(void* actor, void** element, void* host) {
  static auto* caf = original<enqueue_function>(BLOCKING_ENQUEUE);
  before(*element);
  before(mailbox_of(actor));
  caf(actor, element, host);
}

int scheduled_handle(void* actor, void* element)
    REEVE_IN_PLACE_OF(SCHEDULED_HANDLE);
int scheduled_handle(void* actor, void* element) {
  static auto* caf = original<int(void*, void*)>(SCHEDULED_HANDLE);
  after(element);
  after(actor);
  auto out = caf(actor, element);
  before(actor);
  return out;
}

void scheduled_launch(void* actor, void* host, bool lazy, bool hide)
    REEVE_IN_PLACE_OF(SCHEDULED_LAUNCH);
void scheduled_launch(void* actor, void* host, bool lazy, bool hide) {
  static auto* caf = original<void(void*, void*, bool, bool)>(SCHEDULED_LAUNCH);
  before(actor);
  caf(actor, host, lazy, hide);
}

bool scheduled_begin(void* actor, void* host)
    REEVE_IN_PLACE_OF(SCHEDULED_BEGIN);
bool scheduled_begin(void* actor, void* host) {
  static auto* caf = original<bool(void*, void*)>(SCHEDULED_BEGIN);
  after(actor);
  auto out = caf(actor, host);
  before(actor);
  return out;
}

bool scheduled_cleanup(void* actor, void* reason, void* host)
    REEVE_IN_PLACE_OF(SCHEDULED_CLEANUP);
bool scheduled_cleanup(void* actor, void* reason, void* host) {
  static auto* caf = original<bool(void*, void*, void*)>(SCHEDULED_CLEANUP);
  after(actor);
  after(mailbox_of(actor));
  return caf(actor, reason, host);
}

bool blocking_cleanup(void* actor, void* reason, void* host)
    REEVE_IN_PLACE_OF(BLOCKING_CLEANUP);
bool blocking_cleanup(void* actor, void* reason, void* host) {
  static auto* caf = original<bool(void*, void*, void*)>(BLOCKING_CLEANUP);
  after(mailbox_of(actor));
  return caf(actor, reason, host);
}

int blocking_handle(void* visitor, void* element)
    REEVE_IN_PLACE_OF(BLOCKING_HANDLE);
int blocking_handle(void* visitor, void* element) {
  static auto* caf = original<int(void*, void*)>(BLOCKING_HANDLE);
  after(element);
  return caf(visitor, element);
}

void deref(void* counted) REEVE_IN_PLACE_OF(DEREF);
void deref(void* counted) {
  static auto* caf = original<void(void*)>(DEREF);
  drop(counted);
  caf(counted);
}

void release_strong(void* block) REEVE_IN_PLACE_OF(RELEASE_STRONG);
void release_strong(void* block) {
  static auto* caf = original<void(void*)>(RELEASE_STRONG);
  drop(block);
  caf(block);
}

void release_weak(void* block) REEVE_IN_PLACE_OF(RELEASE_WEAK);
void release_weak(void* block) {
  static auto* caf = original<void(void*)>(RELEASE_WEAK);
  drop(block);
  caf(block);
}

bool upgrade_weak(void* block) REEVE_IN_PLACE_OF(UPGRADE_WEAK);
bool upgrade_weak(void* block) {
  static auto* caf = original<bool(void*)>(UPGRADE_WEAK);
  auto out = caf(block);
  after(block);
  return out;
}
}
