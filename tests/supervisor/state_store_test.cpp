// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/state_store.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

#include <sys/resource.h>
#include <sys/stat.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

using namespace reeve;
using namespace reeve::supervisor;

namespace fs = std::filesystem;

namespace {

class store_fixture {
public:
  store_fixture() {
    REQUIRE(store().open());
  }

protected:
  [[nodiscard]] state_store& store() {
    return *store_;
  }

  // As a daemon that starts on what another one has left.
  void reopen() {
    store_.emplace(dir_.path() + "/state");
    REQUIRE(store_->open());
  }

  [[nodiscard]] container_record record(const std::string& name) {
    container_record out;
    out.id = store().make_id().value();
    out.spec.name = name;
    out.spec.image = "busybox";
    out.uid_base = 1'000'013'824;
    out.created_ms = 1234567890123;
    return out;
  }

  [[nodiscard]] std::vector<container_record> load() {
    return store().load(broken).value();
  }

  [[nodiscard]] std::string path_of(const std::string& id) {
    return store().directory_of(id) + "/record.jsonl";
  }

  [[nodiscard]] std::string text_of(const std::string& id) {
    std::ifstream in{path_of(id)};
    return {std::istreambuf_iterator<char>{in}, {}};
  }

  void overwrite(const std::string& id, const std::string& text) {
    std::ofstream{path_of(id)} << text;
  }

  std::vector<broken_record> broken;

private:
  tests::temp_directory dir_;
  std::optional<state_store> store_{dir_.path() + "/state"};
};

} // namespace

TEST_CASE_METHOD(store_fixture, "state_store: a record comes back as it was",
                 "[supervisor][unit]") {
  auto in = record("shop/web");
  config::process_spec process;
  process.id = "server";
  process.argv = {"/bin/server", "--name", "with \"quotes\" and \n"};
  process.restart.type = config::restart_type::permanent;
  in.spec.processes = {process};
  in.serials = {7};
  in.next_serial = 8;
  in.wanted_up = false;
  in.holder_pid = 42;
  in.holder_start_time = 1ULL << 60U;
  in.boot_id = "b";
  in.rlimits = "max 5:6";
  in.durable = true;
  REQUIRE(store().save(in));
  reopen();
  auto all = load();
  CHECK(broken.empty());
  REQUIRE(all.size() == 1);
  const auto& out = all.front();
  CHECK(out.id == in.id);
  CHECK(out.spec == in.spec);
  CHECK(out.uid_base == in.uid_base);
  CHECK(out.created_ms == in.created_ms);
  CHECK(out.next_serial == 8);
  CHECK(out.serials == in.serials);
  CHECK_FALSE(out.wanted_up);
  CHECK(out.holder_pid == 42);
  CHECK(out.holder_start_time == in.holder_start_time);
  CHECK(out.boot_id == "b");
  CHECK(out.rlimits == "max 5:6");
  CHECK(out.durable);
}

TEST_CASE_METHOD(store_fixture, "state_store: saving again replaces",
                 "[supervisor][unit]") {
  auto in = record("a");
  REQUIRE(store().save(in));
  in.next_serial = 99;
  REQUIRE(store().save(in));
  auto all = load();
  REQUIRE(all.size() == 1);
  CHECK(all.front().next_serial == 99);
  CHECK_FALSE(fs::exists(path_of(in.id) + ".new"));
}

TEST_CASE_METHOD(store_fixture,
                 "state_store: a save that is cut short leaves the one before",
                 "[supervisor][unit]") {
  auto in = record("a");
  REQUIRE(store().save(in));
  auto whole = text_of(in.id);
  in.next_serial = 99;
  REQUIRE(store().save(in));
  auto both = text_of(in.id);
  auto tail = both.substr(whole.size());
  SECTION("in the middle of a line") {
    overwrite(in.id, whole + tail.substr(0, tail.size() / 2));
  }
  SECTION("in blocks that never came to the disk") {
    overwrite(in.id, whole + std::string(tail.size(), '\0'));
  }
  SECTION("in a file that was to replace it") {
    overwrite(in.id, whole);
    std::ofstream{path_of(in.id) + ".new"} << "{\"version\":1,\"id\":\"";
  }
  reopen();
  auto all = load();
  CHECK(broken.empty());
  REQUIRE(all.size() == 1);
  CHECK(all.front().next_serial == 1);
  // And the next save is not lost in what is left of the other.
  in.next_serial = 100;
  REQUIRE(store().save(in));
  CHECK(load().front().next_serial == 100);
}

TEST_CASE_METHOD(store_fixture,
                 "state_store: a record does not grow with every save",
                 "[supervisor][unit]") {
  auto in = record("a");
  for (in.next_serial = 1; in.next_serial < 1000; ++in.next_serial)
    REQUIRE(store().save(in));
  CHECK(fs::file_size(path_of(in.id)) < 70'000);
  CHECK(load().front().next_serial == 999);
  CHECK_FALSE(fs::exists(path_of(in.id) + ".new"));
}

TEST_CASE_METHOD(store_fixture,
                 "state_store: a full disk leaves the record as it was",
                 "[supervisor][unit]") {
  auto in = record("a");
  REQUIRE(store().save(in));
  auto before = text_of(in.id);
  rlimit old{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &old) == 0);
  auto ignored = std::signal(SIGXFSZ, SIG_IGN);
  rlimit tight{before.size() + 10, old.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &tight) == 0);
  auto saved = store().save(in);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &old) == 0);
  (void)std::signal(SIGXFSZ, ignored);
  CHECK_FALSE(saved);
  CHECK(text_of(in.id) == before);
}

// Taken for none, it would be swept with all that it owns.
TEST_CASE_METHOD(store_fixture,
                 "state_store: a record that cannot be opened is a broken one",
                 "[supervisor][unit]") {
  auto in = record("a");
  REQUIRE(::mkdir(path_of(in.id).c_str(), 0700) == 0);
  CHECK(load().empty());
  REQUIRE(broken.size() == 1);
  CHECK(broken.front().id == in.id);
}

TEST_CASE_METHOD(store_fixture,
                 "state_store: what cannot be listed is an error, not empty",
                 "[supervisor][unit]") {
  auto in = record("a");
  auto dir = fs::path{store().directory_of(in.id)}.parent_path();
  fs::remove_all(dir);
  CHECK_FALSE(store().ids());
  CHECK_FALSE(store().load(broken));
}

TEST_CASE_METHOD(store_fixture,
                 "state_store: a broken record is told and hides no other",
                 "[supervisor][unit]") {
  auto good = record("good");
  auto bad = record("bad");
  REQUIRE(store().save(good));
  REQUIRE(store().save(bad));
  auto text = text_of(bad.id);
  SECTION("cut off") {
    overwrite(bad.id, text.substr(0, text.size() / 2));
  }
  SECTION("empty") {
    overwrite(bad.id, "");
  }
  SECTION("not an object") {
    overwrite(bad.id, "[1, 2]");
  }
  SECTION("a field of another type") {
    auto at = text.find("\"uid_base\":");
    REQUIRE(at != std::string::npos);
    overwrite(bad.id, text.insert(at + 11, "\"x\",\"y\":"));
  }
  SECTION("of another container") {
    overwrite(bad.id, text_of(good.id));
  }
  SECTION("serials without processes") {
    auto wrong = bad;
    wrong.serials = {1, 2};
    REQUIRE(store().save(wrong));
  }
  auto all = load();
  REQUIRE(all.size() == 1);
  CHECK(all.front().spec.name == "good");
  REQUIRE(broken.size() == 1);
  CHECK(broken.front().why.find(path_of(bad.id)) != std::string::npos);
}

TEST_CASE_METHOD(store_fixture,
                 "state_store: a record of a newer version is refused by name",
                 "[supervisor][unit]") {
  auto in = record("a");
  REQUIRE(store().save(in));
  auto text = text_of(in.id);
  auto at = text.find("\"version\":1");
  REQUIRE(at != std::string::npos);
  overwrite(in.id, text.replace(at, 11, "\"version\":3"));
  CHECK(load().empty());
  REQUIRE(broken.size() == 1);
  CHECK(broken.front().why.find("version 3") != std::string::npos);
}

TEST_CASE_METHOD(store_fixture,
                 "state_store: ids are not reused while they exist",
                 "[supervisor][unit]") {
  auto first = store().make_id().value();
  auto second = store().make_id().value();
  CHECK(first != second);
  reopen();
  auto third = store().make_id().value();
  CHECK(third != first);
  CHECK(third != second);
  CHECK(store().ids().value() == std::vector{first, second, third});
}

TEST_CASE_METHOD(store_fixture,
                 "state_store: a dropped record leaves a directory to sweep",
                 "[supervisor][unit]") {
  auto in = record("a");
  REQUIRE(store().save(in));
  REQUIRE(store().drop_record(in.id));
  CHECK(store().drop_record(in.id)); // already gone is an answer
  CHECK(load().empty());
  CHECK(broken.empty());
  CHECK(store().ids().value() == std::vector{in.id});
}

TEST_CASE_METHOD(store_fixture,
                 "state_store: others may pass through, not look at records",
                 "[supervisor][unit]") {
  auto in = record("a");
  REQUIRE(store().save(in));
  auto mode = [](const std::string& path) {
    struct stat info {};
    REQUIRE(::stat(path.c_str(), &info) == 0);
    return info.st_mode & 07777U;
  };
  CHECK(mode(path_of(in.id)) == 0600);
  CHECK((mode(store().directory_of(in.id)) & 0077U) == 0011);
}

TEST_CASE_METHOD(store_fixture,
                 "state_store: saving without a directory is an error",
                 "[supervisor][unit]") {
  container_record in;
  in.id = "c99999";
  auto saved = store().save(in);
  REQUIRE_FALSE(saved);
  CHECK(saved.error().code == ENOENT);
}
