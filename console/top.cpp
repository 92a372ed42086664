// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/text.hpp"
#include "config/units.hpp"
#include "console/key_value.hpp"
#include "console/time_text.hpp"
#include "console/usage.hpp"
#include "console/verbs.hpp"
#include "kernel-iface/unix_time.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <sstream>
#include <utility>

namespace reeve::console {

namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using supervisor::stats_list;

constexpr auto keys = "c m t d n: by cpu, memory, tasks, disk, name  "
                      "space: now  q: quit";

struct top_options {
  supervisor::get_stats_of_all which;
  usage_order by = usage_order::cpu;
  milliseconds delay{2000};
  unsigned rounds = 0; ///< 0: until it is ended
};

/// What to do when a key or a signal came, or the time is over.
enum class turn { next, redraw, quit };

/// As many lines and columns as fit, the rest is cut off.
std::string cut_to(const std::string& text, const config::terminal_size& size) {
  std::istringstream in{text};
  std::string out;
  auto rows = 0U;
  for (std::string line; std::getline(in, line) && ++rows < size.rows;) {
    while (width_of(line) > size.columns)
      line.pop_back();
    out += line + "\r\n";
  }
  return out;
}

class live_table {
public:
  live_table(context& ctx, top_options how, const signal_gate* signals)
      : ctx_(ctx),
        how_(std::move(how)),
        signals_(signals),
        is_live_(ctx.style.terminal && ::isatty(STDIN_FILENO) == 1
                 && !ctx.options.json) {}

  result<int> run() {
    std::optional<raw_terminal> raw;
    if (is_live_)
      if (auto entered = raw_terminal::enter(STDIN_FILENO,
                                             raw_terminal::keys::but_signals))
        raw.emplace(std::move(*entered));
    // The first rates are of a short while, so that one need not wait.
    auto pause = std::min(how_.delay, milliseconds{500});
    if (auto done = take(); !done)
      return end_of(std::move(done.error()));
    for (auto round = 0U; how_.rounds == 0 || round < how_.rounds; ++round) {
      if (!wait(pause))
        return status_ok;
      if (auto done = take(); !done)
        return end_of(std::move(done.error()));
      draw();
      if (!ctx_.out) // nobody reads any more
        return status_ok;
      pause = how_.delay;
    }
    return status_ok;
  }

private:
  // To end it is how it ends.
  static result<int> end_of(failure why) {
    if (why.is == failure::kind::interrupted)
      return status_ok;
    return tl::make_unexpected(std::move(why));
  }

  result<void> take() {
    auto now = ctx_.ask<stats_list>(how_.which, "cannot get statistics");
    if (!now)
      return tl::make_unexpected(std::move(now.error()));
    before_ = std::exchange(now_, std::move(now->containers));
    return {};
  }

  // False: it is to end.
  bool wait(milliseconds pause) {
    auto until = std::chrono::steady_clock::now() + pause;
    for (;;) {
      auto left = std::chrono::ceil<milliseconds>(
          until - std::chrono::steady_clock::now());
      if (left <= 0ms)
        return true;
      pollfd items[] = {{signals_->poll_fd(), POLLIN, 0},
                        {is_live_ ? STDIN_FILENO : -1, POLLIN, 0}};
      if (::poll(items, 2, static_cast<int>(left.count())) < 0)
        continue;
      auto signo = items[0].revents != 0 ? signals_->next() : 0;
      if (signo == SIGWINCH)
        draw();
      else if (signo != 0)
        return false;
      if (items[1].revents == 0)
        continue;
      switch (on_key()) {
      case turn::quit:
        return false;
      case turn::next:
        return true;
      case turn::redraw:
        draw();
      }
    }
  }

  turn on_key() {
    char key = 0;
    if (::read(STDIN_FILENO, &key, 1) != 1)
      return turn::quit; // nobody is there any more
    switch (key) {
    case 'q':
      return turn::quit;
    case ' ':
      return turn::next;
    case 'h':
    case '?':
      shows_keys_ = !shows_keys_;
      return turn::redraw;
    case 'c':
      how_.by = usage_order::cpu;
      return turn::redraw;
    case 'm':
      how_.by = usage_order::memory;
      return turn::redraw;
    case 't':
      how_.by = usage_order::tasks;
      return turn::redraw;
    case 'd':
      how_.by = usage_order::disk;
      return turn::redraw;
    case 'n':
      how_.by = usage_order::name;
      return turn::redraw;
    default:
      return turn::redraw;
    }
  }

  void draw() {
    if (ctx_.options.json) {
      ctx_.out << line_of(json_of(now_));
      ctx_.out.flush();
      return;
    }
    auto all = usages(before_, now_, how_.by);
    auto text = table_of(all).text({});
    if (!is_live_) {
      ctx_.out << text << '\n';
      ctx_.out.flush();
      return;
    }
    auto head = rfc3339(kernel::unix_ms()) + "  " + std::to_string(all.size())
                + (all.size() == 1 ? " container" : " containers") + ", by "
                + std::string{to_string(how_.by)} + "    h: help\n"
                + (shows_keys_ ? keys : "") + "\n";
    constexpr auto home_and_clear = "\x1b[H\x1b[J";
    ctx_.out << home_and_clear
             << cut_to(head + text, size_of_terminal(STDOUT_FILENO));
    ctx_.out.flush();
  }

  context& ctx_;
  top_options how_;
  const signal_gate* signals_;
  bool is_live_;
  bool shows_keys_ = false;
  std::vector<supervisor::container_stats> before_;
  std::vector<supervisor::container_stats> now_;
};

} // namespace

verb::check declare_top(CLI::App& app) {
  struct options {
    std::string pattern = "*";
    std::vector<std::string> properties;
    std::string sort = "cpu";
    std::string delay = "2s";
    unsigned rounds = 0;
  };
  auto given = std::make_shared<options>();
  app.add_option("PATTERN", given->pattern,
                 "only names that match; `*` also matches `/`");
  add_repeatable(app, "--prop", given->properties,
                 "only containers with this property, repeatable", "KEY=VALUE");
  app.add_option("--sort", given->sort,
                 "cpu (default), memory, tasks, disk or name")
      ->type_name("BY");
  app.add_option("-d,--delay", given->delay, "time between two rounds")
      ->type_name("TIME");
  app.add_option("-n,--rounds", given->rounds,
                 "so many rounds; 0 is until it is ended")
      ->type_name("N");
  return [given](const program_arguments&) -> result<action> {
    top_options how;
    auto by = order_of(given->sort);
    if (!by)
      return refuse("--sort",
                    config::in_quotes(given->sort)
                        + " is not something to sort by",
                    "one of cpu, memory, tasks, disk, name");
    how.by = *by;
    auto delay = parse_delay(given->delay);
    if (!delay)
      return tl::make_unexpected(std::move(delay.error()));
    how.delay = *delay;
    how.rounds = given->rounds;
    auto properties = parse_properties("--prop", given->properties);
    if (!properties)
      return tl::make_unexpected(std::move(properties.error()));
    how.which = {given->pattern, std::move(*properties)};
    return [how](context& ctx) -> result<int> {
      auto signals = ctx.take_signals("cannot watch containers");
      if (!signals)
        return tl::make_unexpected(std::move(signals.error()));
      return live_table{ctx, how, *signals}.run();
    };
  };
}

} // namespace reeve::console
