// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

// For ThreadSanitizer, which sees what compiled code does and not what Debian's
// CAF does: that a message is sent before it is handled, that an actor handles
// one at a time, and that who drops the last reference comes after all others.
// These functions take the place of CAF's own (a program's symbols come before
// those of its libraries), say so, and call them; those that count references
// are written again.

#include <caf/abstract_actor.hpp>
#include <caf/actor_control_block.hpp>
#include <caf/ref_counted.hpp>

#include <dlfcn.h>

#include <atomic>
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

extern "C" {

using enqueue_function = void(void* actor, void** element, void* host);

static void enqueue(enqueue_function* with, void* actor, void** element,
                    void* host) {
  before(*element);
  before(mailbox_of(actor));
  with(actor, element, host);
}

void scheduled_enqueue(void* actor, void** element, void* host)
    REEVE_IN_PLACE_OF(SCHEDULED_ENQUEUE);
void scheduled_enqueue(void* actor, void** element, void* host) {
  static auto* caf = original<enqueue_function>(SCHEDULED_ENQUEUE);
  enqueue(caf, actor, element, host);
}

void blocking_enqueue(void* actor, void** element, void* host)
    REEVE_IN_PLACE_OF(BLOCKING_ENQUEUE);
void blocking_enqueue(void* actor, void** element, void* host) {
  static auto* caf = original<enqueue_function>(BLOCKING_ENQUEUE);
  enqueue(caf, actor, element, host);
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
}

// What counts references is written again here, where its atomic operations are
// seen.
namespace caf {

void ref_counted::deref() const noexcept {
  if (rc_.fetch_sub(1, std::memory_order_acq_rel) == 1)
    request_deletion(true);
}

void intrusive_ptr_release_weak(actor_control_block* x) {
  if (x->weak_refs.fetch_sub(1, std::memory_order_acq_rel) == 1)
    x->block_dtor(x);
}

void intrusive_ptr_release(actor_control_block* x) {
  if (x->strong_refs.fetch_sub(1, std::memory_order_acq_rel) != 1)
    return;
  x->data_dtor(x->get());
  intrusive_ptr_release_weak(x); // all strong ones together held this one
}

bool intrusive_ptr_upgrade_weak(actor_control_block* x) {
  auto count = x->strong_refs.load();
  while (count != 0
         && !x->strong_refs.compare_exchange_weak(count, count + 1,
                                                  std::memory_order_acq_rel)) {
  }
  return count != 0;
}

} // namespace caf
