// Copyright (c) 2026, the Reeve authors
// SPDX-License-Identifier: BSD-3-Clause

#include "supervisor/state_store.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

#include <sys/stat.h>

#include <cerrno>
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
    return store().directory_of(id) + "/record.json";
  }

  [[nodiscard]] std::string text_of(const std::string& id) {
    std::ifstream in{path_of(id)};
    return {std::istreambuf_iterator<char>{in}, {}};
  }

  void overwrite(const std::string& id, const std::string& text) {
    std::ofstream{path_of(id)} << text;
  }

  std::vector<std::string> broken;

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
  REQUIRE(store().save(in, state_store::sync::now));
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
}

TEST_CASE_METHOD(store_fixture, "state_store: saving again replaces",
                 "[supervisor][unit]") {
  auto in = record("a");
  REQUIRE(store().save(in, state_store::sync::later));
  in.next_serial = 99;
  REQUIRE(store().save(in, state_store::sync::later));
  auto all = load();
  REQUIRE(all.size() == 1);
  CHECK(all.front().next_serial == 99);
  CHECK_FALSE(fs::exists(path_of(in.id) + ".new"));
}

TEST_CASE_METHOD(store_fixture,
                 "state_store: a half-written record leaves the old one",
                 "[supervisor][unit]") {
  auto in = record("a");
  REQUIRE(store().save(in, state_store::sync::later));
  // What a crash in the middle of a save leaves.
  std::ofstream{path_of(in.id) + ".new"} << "{\"version\":1,\"id\":\"";
  reopen();
  CHECK(load().size() == 1);
  CHECK(broken.empty());
  CHECK(store().save(in, state_store::sync::later));
}

TEST_CASE_METHOD(store_fixture,
                 "state_store: a broken record is told and hides no other",
                 "[supervisor][unit]") {
  auto good = record("good");
  auto bad = record("bad");
  REQUIRE(store().save(good, state_store::sync::later));
  REQUIRE(store().save(bad, state_store::sync::later));
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
    REQUIRE(store().save(wrong, state_store::sync::later));
  }
  auto all = load();
  REQUIRE(all.size() == 1);
  CHECK(all.front().spec.name == "good");
  REQUIRE(broken.size() == 1);
  CHECK(broken.front().find(path_of(bad.id)) != std::string::npos);
}

TEST_CASE_METHOD(store_fixture,
                 "state_store: a record of a newer version is refused by name",
                 "[supervisor][unit]") {
  auto in = record("a");
  REQUIRE(store().save(in, state_store::sync::later));
  auto text = text_of(in.id);
  auto at = text.find("\"version\":1");
  REQUIRE(at != std::string::npos);
  overwrite(in.id, text.replace(at, 11, "\"version\":2"));
  CHECK(load().empty());
  REQUIRE(broken.size() == 1);
  CHECK(broken.front().find("version 2") != std::string::npos);
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
  CHECK(store().ids() == std::vector{first, second, third});
}

TEST_CASE_METHOD(store_fixture,
                 "state_store: a dropped record leaves a directory to sweep",
                 "[supervisor][unit]") {
  auto in = record("a");
  REQUIRE(store().save(in, state_store::sync::later));
  REQUIRE(store().drop_record(in.id));
  CHECK(store().drop_record(in.id)); // already gone is an answer
  CHECK(load().empty());
  CHECK(broken.empty());
  CHECK(store().ids() == std::vector{in.id});
}

TEST_CASE_METHOD(store_fixture,
                 "state_store: others may pass through, not look at records",
                 "[supervisor][unit]") {
  auto in = record("a");
  REQUIRE(store().save(in, state_store::sync::later));
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
  auto saved = store().save(in, state_store::sync::now);
  REQUIRE_FALSE(saved);
  CHECK(saved.error().code == ENOENT);
}
