// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <caf/type_id.hpp>

/// Numbers of all message types that may leave the process. Append only: a
/// number is part of the protocol. The block 1000-1499 is Reeve's; an embedding
/// service takes another.
namespace reeve::supervisor {

struct create_container;
struct container_created;
struct destroy_container;
struct start_container;
struct stop_container;
struct pause_container;
struct resume_container;
struct container_is;
struct run_process;
struct process_started;
struct start_process;
struct stop_process;
struct remove_process;
struct signal_process;
struct resize_terminal;
struct write_input;
struct read_output;
struct output_chunk;
struct wait_process;
struct process_info;
struct process_is;
struct set_limits;
struct get_limits;
struct limit_in_force;
struct limits_in_force;
struct list_containers;
struct container_info;
struct container_list;
struct get_container;
struct container_details;
struct event;
struct get_events;
struct event_batch;
struct list_images;
struct image_info;
struct image_list;
struct get_daemon;
struct daemon_info;
struct exit_reason;
struct upgrade_daemon;
struct daemon_upgrading;
struct hold_container;
struct release_container;
struct set_limits_of_all;
struct limits_changes;
struct get_stats;
struct container_stats;
struct get_stats_of_all;
struct stats_list;
struct get_oom;
struct oom_status;
struct decide_oom;
struct reclaim_memory;
struct memory_reclaimed;
struct get_effective_limits;
struct effective_limits;

} // namespace reeve::supervisor

CAF_BEGIN_TYPE_ID_BLOCK(reeve, 1000)

CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::create_container))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::container_created))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::destroy_container))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::start_container))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::stop_container))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::pause_container))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::resume_container))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::container_is))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::run_process))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::process_started))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::start_process))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::stop_process))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::remove_process))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::signal_process))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::resize_terminal))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::write_input))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::read_output))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::output_chunk))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::wait_process))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::process_info))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::process_is))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::set_limits))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::get_limits))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::limit_in_force))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::limits_in_force))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::list_containers))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::container_info))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::container_list))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::get_container))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::container_details))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::event))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::get_events))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::event_batch))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::list_images))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::image_info))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::image_list))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::get_daemon))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::daemon_info))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::exit_reason))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::upgrade_daemon))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::daemon_upgrading))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::hold_container))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::release_container))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::set_limits_of_all))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::limits_changes))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::get_stats))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::container_stats))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::get_stats_of_all))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::stats_list))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::get_oom))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::oom_status))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::decide_oom))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::reclaim_memory))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::memory_reclaimed))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::get_effective_limits))
CAF_ADD_TYPE_ID(reeve, (reeve::supervisor::effective_limits))

CAF_END_TYPE_ID_BLOCK(reeve)
