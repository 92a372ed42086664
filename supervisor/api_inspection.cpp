// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/api.hpp"

namespace reeve::supervisor {

REEVE_DEFINE_INSPECTION(exit_reason, x.kind, x.code, x.signal, x.core_dumped,
                        x.limit, x.step, x.error)
REEVE_DEFINE_INSPECTION(create_container, x.command, x.spec, x.durable)
REEVE_DEFINE_INSPECTION(container_created, x.container, x.id)
REEVE_DEFINE_INSPECTION(destroy_container, x.container, x.force, x.grace_ms)
REEVE_DEFINE_INSPECTION(start_container, x.container)
REEVE_DEFINE_INSPECTION(stop_container, x.container, x.grace_ms)
REEVE_DEFINE_INSPECTION(pause_container, x.container, x.holder, x.renews)
REEVE_DEFINE_INSPECTION(resume_container, x.container, x.holder)
REEVE_DEFINE_INSPECTION(hold_container, x.container, x.holder)
REEVE_DEFINE_INSPECTION(release_container, x.container, x.holder)
REEVE_DEFINE_INSPECTION(container_is, x.container, x.phase, x.problems)
REEVE_DEFINE_INSPECTION(run_process, x.command, x.container, x.spec, x.attached)
REEVE_DEFINE_INSPECTION(process_started, x.container, x.process, x.pid,
                        x.ns_pid)
REEVE_DEFINE_INSPECTION(start_process, x.container, x.process)
REEVE_DEFINE_INSPECTION(stop_process, x.container, x.process, x.grace_ms)
REEVE_DEFINE_INSPECTION(remove_process, x.container, x.process)
REEVE_DEFINE_INSPECTION(signal_process, x.container, x.process, x.signo,
                        x.whole_group)
REEVE_DEFINE_INSPECTION(resize_terminal, x.container, x.process, x.rows,
                        x.columns)
REEVE_DEFINE_INSPECTION(write_input, x.container, x.process, x.bytes, x.end)
REEVE_DEFINE_INSPECTION(read_output, x.container, x.process, x.stream, x.offset,
                        x.max, x.wait_ms, x.follow, x.reader, x.since_ms,
                        x.times)
REEVE_DEFINE_INSPECTION(output_time, x.offset, x.unix_ms)
REEVE_DEFINE_INSPECTION(output_chunk, x.offset, x.bytes, x.at_end, x.end,
                        x.times)
REEVE_DEFINE_INSPECTION(wait_process, x.container, x.process, x.wait_ms)
REEVE_DEFINE_INSPECTION(process_info, x.container, x.process, x.phase, x.pid,
                        x.ns_pid, x.restart, x.restarts, x.restarts_in_window,
                        x.since_ms, x.next_restart_ms, x.has_ended, x.last,
                        x.argv, x.has_tty, x.output_dropped, x.forward_dropped,
                        x.output_blocked, x.ready, x.waits_for)
REEVE_DEFINE_INSPECTION(process_is, x.info)
REEVE_DEFINE_INSPECTION(set_limits, x.container, x.values, x.force)
REEVE_DEFINE_INSPECTION(set_limits_of_all, x.pattern, x.properties, x.values,
                        x.force)
REEVE_DEFINE_INSPECTION(limits_change, x.container, x.error, x.killed)
REEVE_DEFINE_INSPECTION(limits_changes, x.containers)
REEVE_DEFINE_INSPECTION(reclaim_memory, x.container, x.bytes)
REEVE_DEFINE_INSPECTION(memory_reclaimed, x.container, x.memory_before,
                        x.memory_after, x.swap_before, x.swap_after)
REEVE_DEFINE_INSPECTION(get_effective_limits, x.container, x.process, x.seen,
                        x.wait_ms)
REEVE_DEFINE_INSPECTION(effective_limits, x.container, x.process, x.limits)
REEVE_DEFINE_INSPECTION(get_oom, x.container)
REEVE_DEFINE_INSPECTION(oom_figures, x.limit, x.in_use, x.swap, x.anon, x.file,
                        x.processes, x.largest_pid, x.largest_bytes)
REEVE_DEFINE_INSPECTION(oom_status, x.container, x.policy, x.times, x.is_out,
                        x.answer_by, x.figures, x.last)
REEVE_DEFINE_INSPECTION(decide_oom, x.container, x.decision)
REEVE_DEFINE_INSPECTION(get_stats, x.container, x.with_processes, x.period_ms)
REEVE_DEFINE_INSPECTION(process_stats, x.process, x.pid, x.stats)
REEVE_DEFINE_INSPECTION(container_stats, x.container, x.id, x.time_ms, x.stats,
                        x.processes)
REEVE_DEFINE_INSPECTION(get_stats_of_all, x.pattern, x.properties)
REEVE_DEFINE_INSPECTION(stats_list, x.containers)
REEVE_DEFINE_INSPECTION(get_limits, x.container, x.keys)
REEVE_DEFINE_INSPECTION(limit_in_force, x.key, x.value, x.source)
REEVE_DEFINE_INSPECTION(limits_in_force, x.limits, x.killed)
REEVE_DEFINE_INSPECTION(list_containers, x.pattern, x.properties)
REEVE_DEFINE_INSPECTION(container_info, x.container, x.id, x.phase, x.image,
                        x.created_ms, x.pid, x.uid_base, x.live_processes,
                        x.properties, x.problems)
REEVE_DEFINE_INSPECTION(container_list, x.containers)
REEVE_DEFINE_INSPECTION(get_container, x.container)
REEVE_DEFINE_INSPECTION(container_details, x.info, x.spec, x.processes,
                        x.limits, x.cgroup)
REEVE_DEFINE_INSPECTION(event, x.seq, x.time_ms, x.kind, x.container, x.process,
                        x.text)
REEVE_DEFINE_INSPECTION(get_events, x.after, x.max, x.wait_ms)
REEVE_DEFINE_INSPECTION(event_batch, x.events, x.gap, x.last)
REEVE_DEFINE_INSPECTION(list_images)
REEVE_DEFINE_INSPECTION(image_info, x.image, x.path)
REEVE_DEFINE_INSPECTION(image_list, x.images)
REEVE_DEFINE_INSPECTION(upgrade_daemon, x.program)
REEVE_DEFINE_INSPECTION(daemon_upgrading, x.program)
REEVE_DEFINE_INSPECTION(get_daemon)
REEVE_DEFINE_INSPECTION(daemon_info, x.version, x.pid, x.state_dir, x.run_dir,
                        x.cgroup_mode, x.cgroup, x.pool_ready, x.pool_size,
                        x.pool_hits, x.pool_misses, x.containers, x.started_ms)

} // namespace reeve::supervisor
