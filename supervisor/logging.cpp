// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/logging.hpp"

#include "config/text.hpp"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/dist_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace reeve::supervisor {

namespace {

spdlog::level::level_enum level_of(config::log_level level) {
  switch (level) {
  case config::log_level::trace:
    return spdlog::level::trace;
  case config::log_level::debug:
    return spdlog::level::debug;
  case config::log_level::info:
    return spdlog::level::info;
  case config::log_level::warning:
    return spdlog::level::warn;
  case config::log_level::error:
    return spdlog::level::err;
  case config::log_level::off:
    return spdlog::level::off;
  }
  return spdlog::level::info;
}

void append(std::string_view text, spdlog::memory_buf_t& dest) {
  dest.append(text.data(), text.data() + text.size());
}

void append_escaped(char c, spdlog::memory_buf_t& dest) {
  constexpr const char* digits = "0123456789abcdef";
  auto code = static_cast<unsigned char>(c);
  if (c == '"' || c == '\\')
    for (auto x : {'\\', c})
      dest.push_back(x);
  else if (code < 0x20)
    for (auto x : {'\\', 'u', '0', '0', digits[code >> 4U], digits[code & 15U]})
      dest.push_back(x);
  else
    dest.push_back(c);
}

/// The text as the inside of a JSON string. Names of files, which a message may
/// hold, can be any bytes; JSON has to be UTF-8.
class json_text : public spdlog::custom_flag_formatter {
public:
  void format(const spdlog::details::log_msg& msg, const std::tm&,
              spdlog::memory_buf_t& dest) override {
    auto rest = std::string_view{msg.payload.data(), msg.payload.size()};
    while (!rest.empty()) {
      auto valid = std::min(config::find_invalid_utf8(rest), rest.size());
      for (auto c : rest.substr(0, valid))
        append_escaped(c, dest);
      rest.remove_prefix(valid);
      if (rest.empty())
        return;
      append("\\ufffd", dest);
      rest.remove_prefix(1);
    }
  }

  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<json_text>();
  }
};

/// sd-daemon(3): `<6>` and so on.
class priority_prefix : public spdlog::custom_flag_formatter {
public:
  void format(const spdlog::details::log_msg& msg, const std::tm&,
              spdlog::memory_buf_t& dest) override {
    auto digit = '6';
    if (msg.level >= spdlog::level::err)
      digit = '3';
    else if (msg.level == spdlog::level::warn)
      digit = '4';
    else if (msg.level <= spdlog::level::debug)
      digit = '7';
    for (auto x : {'<', digit, '>'})
      dest.push_back(x);
  }

  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<priority_prefix>();
  }
};

kernel::result<spdlog::sink_ptr> make_sink(const config::daemon_log& cfg) {
  if (cfg.sink != config::log_sink::file)
    return std::make_shared<spdlog::sinks::stderr_sink_mt>();
  try {
    return std::make_shared<spdlog::sinks::basic_file_sink_mt>(
        cfg.path.value_or(""));
  } catch (const spdlog::spdlog_ex& err) {
    return kernel::make_error(0, err.what());
  }
}

void set_formatter(spdlog::sinks::sink& sink, const config::daemon_log& cfg) {
  auto formatter = std::make_unique<spdlog::pattern_formatter>(
      spdlog::pattern_time_type::utc);
  formatter->add_flag<json_text>('*').add_flag<priority_prefix>('&');
  // The journal takes the prefix off, and has a clock of its own.
  auto to_journal = cfg.sink == config::log_sink::journald;
  auto prefix = std::string{to_journal ? "%&" : ""};
  if (cfg.json)
    formatter->set_pattern(
        prefix
        + R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":"%*"})");
  else
    formatter->set_pattern(to_journal ? prefix + "%v"
                                      : "%Y-%m-%dT%H:%M:%S.%eZ %l %v");
  sink.set_formatter(std::move(formatter));
}

} // namespace

kernel::result<std::shared_ptr<spdlog::logger>>
make_logger(const config::daemon_log& cfg) {
  auto sink = make_sink(cfg);
  if (!sink)
    return tl::make_unexpected(std::move(sink.error()));
  set_formatter(**sink, cfg);
  // In between, because a logger's own sinks cannot be changed while it logs.
  auto switchable = std::make_shared<spdlog::sinks::dist_sink_mt>();
  switchable->set_sinks({*sink});
  auto out = std::make_shared<spdlog::logger>("reeve", std::move(switchable));
  out->set_level(level_of(cfg.level));
  out->flush_on(spdlog::level::info);
  return out;
}

void reopen(spdlog::logger& log, const config::daemon_log& cfg) {
  auto sink = make_sink(cfg);
  if (!sink) {
    log.error("cannot reopen the log: {}", to_string(sink.error()));
    return;
  }
  set_formatter(**sink, cfg);
  static_cast<spdlog::sinks::dist_sink_mt&>(*log.sinks().front())
      .set_sinks({*sink});
}

} // namespace reeve::supervisor
