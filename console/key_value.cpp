// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "console/key_value.hpp"

#include "config/text.hpp"

namespace reeve::console {

result<std::pair<std::string, std::string>>
parse_key_value(std::string_view option, const std::string& text) {
  auto at = text.find('=');
  if (at == 0 || at == std::string::npos)
    return refuse(std::string{option},
                  config::in_quotes(text) + " is not KEY=VALUE");
  return std::pair{text.substr(0, at), text.substr(at + 1)};
}

result<std::map<std::string, std::string>>
parse_properties(std::string_view option,
                 const std::vector<std::string>& texts) {
  auto out = std::map<std::string, std::string>{};
  for (const auto& text : texts) {
    auto pair = parse_key_value(option, text);
    if (!pair)
      return tl::make_unexpected(std::move(pair.error()));
    if (!out.insert(*pair).second)
      return refuse(std::string{option},
                    config::in_quotes(pair->first) + " is given twice");
  }
  return out;
}

} // namespace reeve::console
