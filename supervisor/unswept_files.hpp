// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "supervisor/id_ranges.hpp"

#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace reeve::supervisor {

/// The directory of a container that no record owns any more. When it is
/// deleted its ids may be given to another, for no file bears them.
struct unswept {
  std::string id;
  id_base ids = 0; ///< 0: not to be given back
};

/// What the file sweeper has to delete. Who orders it writes it here and then
/// wakes the sweeper, so that a sweeper that fails forgets nothing.
///
/// Any thread.
class unswept_files {
public:
  /// Once, however often it is asked before it is done.
  void add(const unswept& what);

  /// One that nobody is at.
  [[nodiscard]] std::optional<unswept> take();

  /// Whoever was at one has gone.
  void put_back_all();

  void done(const std::string& id);

private:
  struct entry {
    id_base ids = 0;
    bool taken = false;
  };

  std::mutex mutex_;
  std::map<std::string, entry> all_;
};

} // namespace reeve::supervisor
