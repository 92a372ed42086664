// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/namespace_holder.hpp"
#include "actors/output_stream.hpp"
#include "config/process_spec.hpp"
#include "supervisor/api.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace reeve::supervisor {

/// The daemon's ends of one process's standard streams: output on its way to
/// the spool, followers that hold it back, input on its way in.
///
/// Belongs to one `user_process` actor and is used in its handlers only.
class process_streams {
public:
  using clock = std::chrono::steady_clock;

  /// A follower that has not asked for so long does not hold output any more.
  static constexpr auto lease = std::chrono::seconds{30};

  /// How far a stream may run ahead of its slowest follower.
  static constexpr std::uint64_t window = 256 * 1024;

  /// Who passes output on to the journal or elsewhere. It does not hold output
  /// back unless `log.overflow` says so, and has what it was given only when it
  /// asks for more.
  static constexpr std::uint64_t forwarding_reader = ~std::uint64_t{0};

  struct options {
    std::string directory;
    std::string prefix;
    config::log_spec log;
    bool attached = false; ///< a follower from byte 0 is expected
    actors::poller* poller = nullptr;
    std::function<void()> on_output;   ///< any thread: there is news
    std::function<void()> on_writable; ///< any thread: input can go on
  };

  /// The file that says how far a stream was forwarded. Ours to remove only.
  [[nodiscard]] std::string forward_cursor(output_stream_id stream) const;

  explicit process_streams(options how);
  process_streams(const process_streams&) = delete;
  process_streams& operator=(const process_streams&) = delete;
  ~process_streams();

  /// Takes the descriptors of a run: a new one, or of the same what had not
  /// come or could not be connected.
  [[nodiscard]] kernel::result<void>
  connect(const actors::process_spawned& handles);

  /// The number with PID 1 of the run that was connected last, or should be.
  [[nodiscard]] std::uint64_t run() const {
    return run_;
  }

  /// The run has streams that did not come or could not be connected. Till they
  /// are, or are forgone, they count as open, and what is written waits.
  [[nodiscard]] bool lacks_some() const {
    return lacks_some_;
  }

  void forgo_rest();

  /// Keeps what the pipes of a run that has ended still hold. Its successor's
  /// may be connected then, which does the same.
  [[nodiscard]] kernel::result<void>
  take_rest(const actors::process_spawned& handles);

  /// Answers at once, with what there is, from `offset` or from the oldest byte
  /// that is kept: an answer that begins later than asked for means that the
  /// bytes between are lost. An offset beyond the end counts as the end.
  /// Registers a follower if asked to.
  [[nodiscard]] kernel::result<output_chunk> read(const read_output& query);

  /// Asks for one `on_output` at the next change of any stream.
  void want_news();

  /// Queues bytes; `done` is called when the kernel has taken them all, or with
  /// the reason why it never will: EPIPE when nobody reads. Raises no SIGPIPE,
  /// whatever the host program does with that signal.
  void write(std::string bytes, bool end,
             std::function<void(kernel::result<void>)> done);

  /// Goes on with queued input.
  void continue_input();

  /// The end of the process: what is queued for it can go nowhere.
  void abandon_input();

  /// True until the last writer of both outputs has closed.
  [[nodiscard]] bool is_open() const;

  /// Drops followers whose lease is over; true if some are left.
  bool expire_followers(clock::time_point now);

  /// True while a follower with a lease has not read the outputs to their end.
  [[nodiscard]] bool is_awaited() const;

  /// Bytes that were lost since the daemon began.
  [[nodiscard]] std::uint64_t dropped() const;

  /// Why a stream waits for room on the disk, if one does.
  [[nodiscard]] std::optional<kernel::sys_error> blocked() const;

  /// Tries again to find some.
  void retry();

  void disconnect();

  /// Removes what is kept of this process, by an earlier daemon too.
  void remove_files();

  /// Set once the process has ended: then an open stream with nothing to read
  /// counts as ended, since only strays hold it.
  void set_over(bool over) {
    over_ = over;
  }

private:
  struct pending_input {
    std::string bytes;
    bool end = false;
    std::function<void(kernel::result<void>)> done;
  };

  struct follower {
    std::uint64_t offset = 0;
    clock::time_point until;
    bool has_all = false; ///< of what the present run wrote
    bool holds = true;    ///< the stream waits for it
  };

  using stream_ptr = std::shared_ptr<actors::output_stream>;

  static constexpr const char* input_not_open =
      "it is not open: run the process with -i";

  void begin_run(std::uint64_t run);
  [[nodiscard]] kernel::result<void>
  connect_outputs(const actors::process_spawned& handles);
  [[nodiscard]] kernel::result<void>
  connect_input(const actors::shared_fd& end);
  [[nodiscard]] std::string prefix_of(std::size_t index) const;
  [[nodiscard]] kernel::result<stream_ptr> open_stream(std::size_t index);
  [[nodiscard]] static kernel::result<kernel::output_spool::chunk>
  read_kept(const actors::output_stream& from, std::uint64_t offset,
            std::uint32_t max);
  [[nodiscard]] follower new_follower(std::uint64_t reader,
                                      std::uint64_t offset) const;
  [[nodiscard]] static kernel::result<std::uint64_t>
  begin_of(const actors::output_stream& from, const read_output& query);
  void acknowledge(std::size_t index, std::uint64_t offset);
  [[nodiscard]] std::uint64_t forgotten(std::size_t index) const;
  void update_hold(std::size_t index);
  [[nodiscard]] kernel::result<void> write_some(std::string& bytes);
  [[nodiscard]] kernel::result<void> wait_for_room();
  void give_up_input(const char* why);
  void close_input();

  options options_;
  std::array<stream_ptr, 2> outputs_;
  std::array<std::map<std::uint64_t, follower>, 2> followers_;
  std::array<std::uint64_t, 2> acknowledged_{};
  std::uint64_t forgotten_ = 0; ///< without a log, and nobody has read it
  bool over_ = false;
  std::uint64_t run_ = 0;
  std::uint64_t connected_run_ = 0; ///< that or an earlier one
  std::array<bool, 2> connected_{};
  bool input_taken_ = false;
  bool lacks_some_ = false;
  bool is_terminal_ = false;
  kernel::unique_fd input_;
  actors::poller::token input_token_ = 0;
  const char* why_no_input_ = input_not_open;
  std::deque<pending_input> waiting_;
};

} // namespace reeve::supervisor
