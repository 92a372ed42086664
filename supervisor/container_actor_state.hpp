// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

// The inside of the container actor, for its own sources only:
//
//   container.cpp            its messages, and the machine that it drives
//   container_layers.cpp     making and undoing cgroup, PID 1, files, processes
//   container_adoption.cpp   taking over what an earlier daemon has left
//   container_processes.cpp  the collection of user processes
//   container_turns.cpp      which of them is started, and stopped, when
//   container_limits.cpp     limits, of its groups and of each process
//   container_effective_limits.cpp  what processes really may have
//   container_memory.cpp     what is done about its memory, and who does it
//   container_lease.cpp      who holds it, if it is weak, and who holds a pause
//   container_answers.cpp    who waits for what, and what is told

#include "actors/cgroup_controller.hpp"
#include "actors/error.hpp"
#include "actors/filesystem_layer.hpp"
#include "actors/namespace_holder.hpp"
#include "actors/owed_answer.hpp"
#include "kernel-iface/cgroup_rlimits.hpp"
#include "kernel-iface/result.hpp"
#include "kernel-iface/rlimits.hpp"
#include "supervisor/command_memory.hpp"
#include "supervisor/container.hpp"
#include "supervisor/container_lifecycle.hpp"
#include "supervisor/dirty_keeper.hpp"
#include "supervisor/lease.hpp"
#include "supervisor/limits_server.hpp"
#include "supervisor/oom_handler.hpp"
#include "supervisor/start_turns.hpp"
#include "supervisor/user_process.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace reeve::supervisor {

struct work_deadline {
  std::uint64_t serial = 0;
};

struct rebuild_timer {
  std::uint64_t serial = 0;
};

struct holder_gone {
  std::uint64_t generation = 0;
};

struct process_changed {
  std::uint32_t serial = 0;
  process_change change;
};

/// By the word of PID 1.
struct ready_process {
  std::uint64_t process = 0;
};

struct record_due {};

/// PID 1 had another's connection still, or did not greet.
struct adoption_due {};

/// By the handler of that number.
struct oom_news {
  std::uint64_t handler = 0;
  oom_report report;
};

/// Limits of processes, for those who were being forked.
struct rlimits_due {};

/// Somebody waits until what a process may have changes.
struct limits_due {};

struct lease_due {
  std::uint64_t number = 0; ///< another one may have been set since
};

struct pause_due {
  std::uint64_t number = 0;
};

/// Somebody waits for the next reading.
struct stats_due {};

} // namespace reeve::supervisor

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::work_deadline)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::rebuild_timer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::holder_gone)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::process_changed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::ready_process)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::record_due)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::adoption_due)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::oom_news)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::rlimits_due)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::limits_due)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::lease_due)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::pause_due)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(reeve::supervisor::stats_due)

namespace reeve::supervisor {

/// A container actor as it sees itself.
using internal_container_actor = container_actor::extend<
    caf::reacts_to<work_deadline>, caf::reacts_to<rebuild_timer>,
    caf::reacts_to<holder_gone>, caf::reacts_to<end_process>,
    caf::reacts_to<late_start>, caf::reacts_to<process_changed>,
    caf::reacts_to<ready_process>, caf::reacts_to<record_due>,
    caf::reacts_to<adoption_due>, caf::reacts_to<lease_due>,
    caf::reacts_to<rlimits_due>, caf::reacts_to<limits_due>,
    caf::reacts_to<pause_due>, caf::reacts_to<stats_due>,
    caf::reacts_to<oom_news>>;

class container_actor_state {
public:
  static constexpr const char* name = "container";

  using self_pointer = internal_container_actor::pointer;

  container_actor_state() = default;
  container_actor_state(const container_actor_state&) = delete;
  container_actor_state& operator=(const container_actor_state&) = delete;
  ~container_actor_state();

  void init(self_pointer self, container_options how);

  // -- requests ---------------------------------------------------------------

  caf::result<container_created> create(const create_container& msg);
  caf::result<container_is> adopt(const adopt_container& msg);
  enum class whose : std::uint8_t { user, parent };
  caf::result<container_is> command(container_command what,
                                    std::int64_t grace_ms, container_phase goal,
                                    whose by = whose::user);

  caf::result<container_is> hold(const hold_container& msg);
  caf::result<container_is> release(const release_container& msg);
  caf::result<container_is> pause(const pause_container& msg);
  caf::result<container_is> resume(const resume_container& msg);

  caf::result<process_started> run(const run_process& msg,
                                   std::vector<actors::shared_fd> stdio);
  caf::result<process_started> start(const start_process& msg);
  caf::result<output_chunk> read(const read_output& msg);
  caf::result<process_is> stop(const stop_process& msg);
  caf::result<process_is> remove(const remove_process& msg);

  template <class Reply, class Message>
  caf::result<Reply> forward(const std::string& process, const Message& what) {
    auto found = processes_.find(process);
    if (found == processes_.end())
      return unknown(process);
    return self_->delegate(found->second.actor, what);
  }

  caf::result<holder_resolved> resolve(const resolve_holder& msg) const;
  caf::result<group_resolved> resolve(const resolve_group& msg);
  caf::result<container_is> stop(const stop_with_parent& msg);
  void on(parent_paused event);
  caf::result<limits_in_force> set(const set_limits& msg);
  caf::result<limits_in_force> get(const get_limits& msg);
  caf::result<effective_limits> get(const get_effective_limits& msg);
  caf::result<memory_reclaimed> reclaim(const reclaim_memory& msg);
  caf::result<oom_status> oom(const get_oom& msg);
  caf::result<oom_status> decide(const decide_oom& msg);
  caf::result<container_stats> stats(const get_stats& msg);
  caf::result<container_details> details();

  // -- events -----------------------------------------------------------------

  void on(const caf::down_msg& down);
  void on(work_deadline event);
  void on(rebuild_timer event);
  void on(holder_gone event);
  void on(container_forgotten event);
  void on(const end_process& event);
  void on(const late_start& event);
  void on(process_changed& event);
  void on(ready_process event);
  void on(record_due);
  void on(adoption_due);
  void on(lease_due event);
  void on(pause_due event);
  void on(stats_due);
  void on(rlimits_due event);
  void on(limits_due event);
  void on(const oom_news& event);

private:
  struct entry {
    user_process_actor actor;
    std::uint32_t serial = 0;
    bool significant = false;
    std::chrono::milliseconds stop_grace{0};
    config::restart_policy restart;
    std::vector<std::string> after;
    std::chrono::milliseconds after_timeout{0};
    std::string group;
    process_info info;
    std::uint64_t run = 0;    ///< the latest
    bool is_expected = false; ///< told to start, not seen to yet
    bool stands_by = false;   ///< told to, not seen to yet
    std::uint64_t turn = 0;   ///< that it waits for, or has waited
    std::uint64_t answered_turn = 0;
    enum class stop : std::uint8_t { none, asked, answered };
    stop stopping = stop::none;           ///< on the container's way down
    bool output_awaited = false;          ///< by somebody who follows it
    std::vector<std::uint64_t> ends_kept; ///< by PID 1, which may forget them
  };

  struct former_rlimit {
    kernel::rlimit_change change;
    std::chrono::steady_clock::time_point at;
  };

  struct waiting_set {
    set_limits asked;
    actors::owed_answer<limits_in_force> promise;
  };

  /// As long as it lasts.
  struct pause_state {
    bool is_for_good = false; ///< until somebody resumes it
    lease held;
    std::uint64_t timer = 0;
  };

  struct waiting_reader {
    std::chrono::steady_clock::time_point due;
    bool with_processes = false;
    actors::owed_answer<container_stats> promise;
  };

  struct watched_limits {
    get_effective_limits asked;
    actors::owed_answer<effective_limits> promise;
    std::chrono::steady_clock::time_point until;
  };

  struct waiter {
    actors::owed_answer<container_is> promise;
    container_phase goal = container_phase::running;
  };

  // -- the machine ------------------------------------------------------------

  void begin_anew(const caf::error& why);
  void take_policies();
  std::optional<container_refusal> apply(const container_event::any& event);
  void carry_out(const container_effect::begin& effect);
  void carry_out(const container_effect::shorten_stop& effect);
  void carry_out(const container_effect::arm_timer& effect);
  void carry_out(const container_effect::report_phase& effect);
  void carry_out(const container_effect::free_name&);
  void carry_out(const container_effect::warn_of_restarts&);
  void carry_out(const container_effect::forget&);

  void await(const work& doing, std::uint64_t serial);
  void keep_up_with(container_phase phase);
  void leave_to_the_end();
  [[nodiscard]] bool is_current(std::uint64_t serial) const;
  void finished(std::uint64_t serial);
  void failed(std::uint64_t serial, const caf::error& err);

  // An error answers the work, too.
  template <class Actor, class Message, class Then>
  void ask(std::uint64_t serial, const Actor& whom, Message what, Then then) {
    self_->request(whom, caf::infinite, std::move(what))
        .then(std::move(then),
              [this, serial](const caf::error& err) { failed(serial, err); });
  }

  [[nodiscard]] std::optional<caf::error>
  check_command(container_command what) const;
  enum class wish : std::uint8_t { up, down, gave_up };
  void want(wish what);
  void save();
  kernel::result<void> try_save();
  void save_soon();
  void when_saved(std::function<void()> then);
  void drop_record();

  // -- making and undoing the layers ------------------------------------------

  void make(layer what, std::uint64_t serial);
  void make_cgroup(std::uint64_t serial);
  void join_others(std::uint64_t serial);
  void resolve_joined(std::uint64_t serial, std::vector<std::string> names,
                      std::map<std::string, holder_resolved> holders);
  void take_kit_for(std::uint64_t serial,
                    const std::map<std::string, holder_resolved>& holders);
  void own_cgroup(std::uint64_t serial);
  void control_cgroup();
  void make_holder(std::uint64_t serial);
  void listen();
  void make_configured(std::uint64_t serial);

  void undo(layer what, std::uint64_t serial);
  void undo_nested(std::uint64_t serial);
  void undo_holder(std::uint64_t serial);
  void end_holder();
  void undo_cgroup(std::uint64_t serial);
  void remove_cgroup(std::uint64_t serial);
  void remove_groups(std::uint64_t serial);

  // -- adoption ---------------------------------------------------------------

  void adopt_what_stands();
  bool claim_ids();
  void connect_and_adopt();
  bool is_for_later(const kernel::sys_error& why);
  void connect_later(const caf::error& why);
  void take_inventory(const actors::holder_inventory& found);
  kernel::result<void>
  adopt_groups(kernel::result<kernel::container_cgroup> found);
  /// What PID 1 knows of one process.
  struct known_runs {
    const actors::known_process* newest = nullptr;
    std::vector<actors::known_process> ended; ///< before that one
  };
  using runs_by_serial = std::map<std::uint32_t, known_runs>;
  runs_by_serial sort_runs(const actors::holder_inventory& found);
  void restore_ends_before(const runs_by_serial& known);
  void forget_run(const actors::known_process& known);
  void mark_lost();
  entry* adopted_entry(std::uint32_t serial,
                       const std::optional<noted_run>& noted);
  void adopt_remains();

  // -- the processes ----------------------------------------------------------

  entry& add_process(const config::process_spec& spec, std::uint32_t serial,
                     bool attached, std::vector<actors::shared_fd> stdio,
                     std::uint64_t command = 0);
  void add_declared();
  void drop_process(const std::string& id);
  template <class Answer>
  void when_dismissed(actors::owed_answer<process_is> promise,
                      const Answer& answer);
  void end_unrecorded(std::uint32_t serial, const caf::error& why);
  void declare(const config::process_spec& spec, std::uint32_t serial,
               std::uint64_t command);
  template <class Answer>
  void settle_run(std::uint32_t serial, const Answer& answer);
  caf::result<process_started> repeat(std::uint32_t serial);
  [[nodiscard]] caf::error unknown(const std::string& process) const;
  static constexpr std::uint32_t serials_at_once = 1024;
  kernel::result<std::uint32_t> new_serial();
  [[nodiscard]] bool is_declared(std::uint32_t serial) const;
  [[nodiscard]] bool wanted_now(const entry& item) const;
  [[nodiscard]] entry* find(std::uint32_t serial);
  [[nodiscard]] std::vector<entry*> in_order();
  void restore_ends();
  void restore_end(entry& item, const recorded_end& how);
  void end_stray(std::uint64_t process);
  void dismiss(std::uint64_t process);
  void note_end(const entry& item);
  void keep_ends(entry* item, const std::vector<std::uint64_t>& ended);
  void acknowledge(std::uint64_t process);
  void count_over(const entry& item);
  void escalate(const entry& item, const process_info& before);
  [[nodiscard]] static std::string words_for_end(const process_info& of);
  void check_auto_stop();

  // -- their turns ------------------------------------------------------------

  void make_processes(std::uint64_t serial);
  void start_next(std::uint64_t serial, std::deque<std::uint32_t> left);
  void start_answered(std::uint64_t serial);
  void end_start(std::uint64_t serial);
  void undo_processes(std::uint64_t serial);
  void stop_next(std::uint64_t serial);
  [[nodiscard]] std::chrono::milliseconds time_to_stop();
  [[nodiscard]] bool takes_turns(const config::process_spec& spec) const;
  [[nodiscard]] std::vector<peer>
  as_peers(const std::vector<entry*>& items) const;
  [[nodiscard]] std::vector<entry*> falling_with(const entry& item);
  void give_turns();
  void restart_with(const entry& item);
  void stop_with(const entry& item);
  void release_turns();
  [[nodiscard]] std::optional<caf::error>
  check_needs(const config::process_spec& added) const;
  [[nodiscard]] const std::string* needed_by(const std::string& id) const;

  // -- limits -----------------------------------------------------------------

  using limit_list = std::vector<std::pair<std::string, std::string>>;
  void begin_set();
  void set_groups(actors::limit_change change);
  void keep_set(const config::limits& wanted,
                const actors::limit_readings& now);
  caf::error make_change(const set_limits& asked,
                         actors::limit_change& out) const;
  template <class Answer>
  void end_set(Answer answer);
  [[nodiscard]] caf::error without_cgroup() const;
  [[nodiscard]] config::limits limits_after(const limit_list& values,
                                            const config::limits& change) const;
  kernel::result<void> keep_limits(const limit_list& values,
                                   const config::limits& change,
                                   const std::vector<pid_t>& killed = {});
  void take_limits_back(const config::limits& before, const caf::error& why);
  [[nodiscard]] limits_in_force
  in_force(const actors::limit_readings& now,
           const std::vector<std::string>& keys) const;
  void note_usual_rlimits();
  [[nodiscard]] kernel::rlimit_array usual_rlimits() const;
  [[nodiscard]] kernel::rlimit_array rlimits_in_force() const;
  [[nodiscard]] std::vector<kernel::rlimit_change>
  changes_of(const config::rlimit_list& before,
             const config::rlimit_list& wanted) const;
  void share_rlimits();
  template <class Then>
  void change_rlimits(std::vector<kernel::rlimit_change> changes, bool applies,
                      Then then);
  void apply_again(std::vector<kernel::rlimit_change> changes);
  void lower_rlimits();
  void look_again_at_rlimits(const std::vector<kernel::rlimit_change>& changes);
  void check_rlimits(std::uint64_t serial);
  template <class Then>
  void give_shares_back(Then then);

  // -- what processes really may have -----------------------------------------

  [[nodiscard]] caf::expected<std::vector<kernel::effective_limit>>
  limits_for(const get_effective_limits& msg) const;
  [[nodiscard]] caf::expected<std::vector<kernel::effective_limit>>
  limits_of(const std::string& process) const;
  [[nodiscard]] caf::expected<std::vector<kernel::effective_limit>>
  limits_of_next() const;
  void tell_limits_again();
  void look_at_limits();
  void look_at_limits_later();
  void serve_limits();
  void leave_limits();

  // -- memory -----------------------------------------------------------------

  [[nodiscard]] config::oom_policy policy() const;
  void end_what_was_left();
  void note_memory(const oom_report& now);
  void suspend_or_resume_starts();
  void watch_memory();
  void watch_dirty_pages();
  [[nodiscard]] bool is_going_down() const;
  void watch_memory_to_the_end();
  void leave_memory();

  // -- the lease --------------------------------------------------------------

  void begin_lease();
  void look_at_lease(std::chrono::steady_clock::duration after);
  [[nodiscard]] std::optional<caf::error> check_lease() const;
  void look_at_pause();

  // -- answers ----------------------------------------------------------------

  void settle_creators();
  void settle_waiters();
  void settle_group_askers();
  void stop_waiting_for_parent();
  [[nodiscard]] bool reached(container_phase goal) const;
  [[nodiscard]] bool impossible(container_phase goal) const;
  [[nodiscard]] container_is is_now() const;
  [[nodiscard]] std::vector<std::string> problems() const;
  [[nodiscard]] std::string problems_text() const;
  [[nodiscard]] container_info info() const;
  [[nodiscard]] std::uint32_t live_processes() const;
  void read_stats(std::vector<waiting_reader> readers);
  [[nodiscard]] std::vector<process_stats> stats_of_processes() const;
  void tell(event_kind kind, const std::string& process, std::string text);
  void publish(std::vector<event> what);

  using clock = std::chrono::steady_clock;

  self_pointer self_ = nullptr;
  container_options how_;
  services* with_ = nullptr;
  container_state state_;
  clock::time_point work_until_; ///< its deadline, of the work under way
  container_record record_;
  bool creating_ = false;
  bool unrecorded_ = false; ///< being destroyed: nothing is saved any more
  bool save_due_ = false;
  bool save_failed_ = false;                      ///< and is tried again
  std::vector<std::function<void()>> after_save_; ///< of what is due
  bool gone_ = false;
  bool starts_suspended_ = false;
  bool is_pausing_ = false; ///< or paused
  container_phase told_ = container_phase::creating;
  std::uint32_t told_live_ = 0; ///< processes, to the warden
  std::uint64_t generation_ = 0;
  std::uint32_t next_serial_ = 1;
  std::optional<kernel::sys_error> ids_refused_; ///< they are another's
  caf::error first_failure_; ///< of a create, the reason of all others
  std::vector<std::uint64_t> to_acknowledge_; ///< ends, once they are saved
  shared_kit kit_;
  bool is_empty_ = false; ///< its groups: everybody in them was ended
  actors::cgroup_controller_actor controller_;
  std::shared_ptr<kernel::shared_freezer> freezer_; ///< the controller's, too
  actors::filesystem_layer_actor layer_;
  std::map<std::string, entry> processes_;
  std::size_t starts_left_ = 0;       ///< unanswered, on the way up
  bool turns_wait_ = false;           ///< not all processes are adopted yet
  std::vector<std::uint32_t> fallen_; ///< meanwhile
  std::deque<std::uint32_t> over_;    ///< temporary ones that have ended
  command_memory<std::uint32_t> commands_{256}; ///< and the serials
  /// Who waits for a process that was run, and is not recorded yet.
  std::map<std::uint32_t, std::vector<actors::owed_answer<process_started>>>
      runs_under_way_;
  /// What processes are started with, as they know it; null: nothing special.
  std::shared_ptr<const config::rlimit_list> rlimits_;
  /// What somebody may have who was being forked, the oldest first.
  std::vector<former_rlimit> rlimits_before_;
  limits_server_actor limits_server_; ///< for processes of the container
  std::vector<watched_limits> limits_watched_;
  std::vector<actors::owed_answer<group_resolved>> group_askers_;
  std::string within_; ///< the groups of the container that it is in
  bool awaits_parent_ = false;
  bool is_paused_above_ = false;

  bool looks_at_limits_ = false;               ///< a `limits_due` is on its way
  std::unique_ptr<dirty_keeper> dirty_keeper_; ///< where there is a limit
  oom_handler_actor oom_handler_; ///< where the policy is not the kernel's
  std::uint64_t oom_handlers_ = 0;
  oom_report oom_; ///< the latest of it
  std::shared_ptr<oom_witness> oom_witness_ = std::make_shared<oom_witness>();
  lease lease_; ///< of a weak one
  bool lease_begun_ = false;
  std::uint64_t lease_timer_ = 0;
  pause_state pause_;
  std::uint64_t pause_timers_ = 0;
  std::vector<waiting_reader> stats_readers_;
  std::vector<actors::owed_answer<container_created>> creators_;
  std::vector<waiter> waiters_;
  std::deque<waiting_set> sets_; ///< the first is under way
  actors::owed_answer<container_is> adopter_;
  unsigned adoption_tries_ = 0;
  bool adopting_ = false; ///< what PID 1 knows is not here yet
};

} // namespace reeve::supervisor
