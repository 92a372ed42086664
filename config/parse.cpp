// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/parse.hpp"

#include "config/node.hpp"
#include "config/reader.hpp"
#include "config/text.hpp"

namespace reeve::config {

namespace {

result<node> parse_tree(std::string_view text, format as) {
  if (auto bad = find_invalid_utf8(text); bad != std::string_view::npos)
    return refuse_at(position_at(text, bad),
                     in_quotes(text.substr(bad, 1)) + " is not UTF-8",
                     "text in UTF-8");
  return as == format::json ? tree_from_json(text) : tree_from_toml(text);
}

template <class T>
result<T> parse(std::string_view text, std::string_view file_name,
                std::optional<format> as, std::string_view root) {
  auto out = T{};
  auto tree = parse_tree(text, as.value_or(format_of(file_name)));
  auto done = tree ? read(*tree, key_path{root}, out)
                   : result<void>{tl::unexpected{tree.error()}};
  if (done)
    return out;
  done.error().file = file_name;
  return tl::unexpected{std::move(done).error()};
}

} // namespace

format format_of(std::string_view file_name) {
  return file_name.ends_with(".json") ? format::json : format::toml;
}

result<container_spec> parse_container_spec(std::string_view text,
                                            std::string_view file_name,
                                            std::optional<format> as) {
  return parse<container_spec>(text, file_name, as, "container");
}

result<process_spec> parse_process_spec(std::string_view text,
                                        std::string_view file_name,
                                        std::optional<format> as) {
  return parse<process_spec>(text, file_name, as, "process");
}

result<daemon_config> parse_daemon_config(std::string_view text,
                                          std::string_view file_name,
                                          std::optional<format> as) {
  return parse<daemon_config>(text, file_name, as, "daemon");
}

} // namespace reeve::config
