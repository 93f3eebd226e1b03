// What the audit log owes an operator: everything that was done to keys is in it, and nobody takes any of it away
// unseen. And no crash, full disk or race looks like an attack.
#include "coffer/keys/audit_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "coffer/keys/first_keyring.h"
#include "coffer/providers/registry.h"
#include "io/temporary_directory.h"
#include "keys/fixtures.h"
#include "support/fault_disk.h"
#include "support/memory_disk.h"

namespace coffer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Json = nlohmann::ordered_json;

constexpr const char* kLog = "//audit.log";
constexpr const char* kKeyring = "//keyring";

std::vector<std::string> lines_of(const std::string& log) {
  std::vector<std::string> out;
  for (size_t at = 0; at < log.size();) {
    const size_t end = std::min(log.find('\n', at), log.size() - 1);
    out.push_back(log.substr(at, end + 1 - at));
    at = end + 1;
  }
  return out;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += line;
  return out;
}

class AuditLogTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(replace_file(Disk::posix(), directory_ / "root.key", Bytes(64, 0x81), 0600).is_ok());
    const auto first =
        seal_first_keyring(Keyring::create(id_of(0xc0), 1).value(), configured("root-1").value(), "a new coffer");
    ASSERT_TRUE(first.is_ok()) << first.status().to_string();
    put(disk_, kLog, first->audit_record);
    put(disk_, kKeyring, std::string(as_text(first->sealed)));
  }

  static void put(Disk& disk, const std::string& path, const std::string& contents) {
    ASSERT_TRUE(replace_file(disk, path, as_bytes(contents), 0600).is_ok());
  }
  static std::string get(Disk& disk, const std::string& path) {
    return std::string(as_text(read_file(disk, path, kAuditLogSizeMax).value()));
  }

  Result<ConfiguredRoot> configured(const std::string& name) {
    COFFER_ASSIGN(auto provider, open_provider("file://" + directory_ / "root.key", {}));
    return ConfiguredRoot{name, std::move(provider)};
  }
  std::unique_ptr<LiveKeyring> open(Disk& disk) {
    KeyringSurroundings around;
    around.store = open_file_keyring_store(disk, "/");
    around.coffer_id = id_of(0xc0);
    around.open_root = [this](const std::string& name, const std::string&) { return configured(name); };
    auto live = LiveKeyring::open(std::move(around));
    EXPECT_TRUE(live.is_ok()) << live.status().to_string();
    return live.is_ok() ? std::move(*live) : nullptr;
  }
  static Status rotate(LiveKeyring& live) {
    return live.update([](Keyring& keyring) { return keyring.rotate_domain(kSystemDomain, 2); });
  }
  // So many lines in all.
  void write_lines(size_t count) {
    auto live = open(disk_);
    for (size_t line = 2; line <= count; ++line) ASSERT_TRUE(rotate(*live).is_ok());
  }
  AuditTrail trail(Disk& disk) {
    auto live = open(disk);
    auto out = read_audit_log(live->audit_log().value(), *live->snapshot());
    EXPECT_TRUE(out.is_ok()) << out.status().to_string();
    return out.is_ok() ? std::move(*out) : AuditTrail{};
  }
  static std::vector<size_t> lines_in(const std::vector<AuditRemark>& remarks) {
    std::vector<size_t> out;
    for (const AuditRemark& remark : remarks) out.push_back(remark.line);
    return out;
  }
  // What is wrong with a log that an attacker left.
  std::vector<size_t> wrong_with(const std::string& log) {
    put(disk_, kLog, log);
    return lines_in(trail(disk_).wrong);
  }

  TemporaryDirectory directory_;
  MemoryDisk disk_;
};

TEST_F(AuditLogTest, WhatWasArchivedIsMissedNowhereAndNothingElseMayBe) {
  write_lines(4);
  std::string archived;
  const auto keep = [&](ByteView log) {
    archived = as_text(log);
    return Status::ok();
  };
  const auto live = open(disk_);
  ASSERT_TRUE(live->archive_audit_log(keep, "archived").is_ok());
  ASSERT_TRUE(rotate(*live).is_ok());
  ASSERT_TRUE(rotate(*live).is_ok());
  const std::string log = get(disk_, kLog);
  const std::vector<std::string> lines = lines_of(log);
  EXPECT_EQ(lines_of(archived).size(), 4u);
  ASSERT_EQ(lines.size(), 3u) << log;
  EXPECT_THAT(trail(disk_).wrong, IsEmpty());
  EXPECT_EQ(trail(disk_).records.front().head.count, 5u);
  const auto whole = read_audit_log(as_bytes(archived + log), *live->snapshot());
  EXPECT_THAT(whole->wrong, IsEmpty());
  EXPECT_EQ(whole->records.size(), 7u);
  // Only behind the archive, and only while the line that says so is there.
  EXPECT_THAT(wrong_with(lines_of(archived)[3] + log), ElementsAre(1));
  EXPECT_THAT(wrong_with(lines[1] + lines[2]), ElementsAre(1));
  EXPECT_THAT(wrong_with(lines[2]), ElementsAre(1));
}

TEST_F(AuditLogTest, WhatIsWrongOrCannotBeKeptIsNotArchived) {
  write_lines(3);
  const std::string log = get(disk_, kLog);
  const auto keep = [](ByteView) { return Status::ok(); };
  put(disk_, kLog, joined({lines_of(log)[0], lines_of(log)[2]}));
  EXPECT_EQ(open(disk_)->archive_audit_log(keep, "").code(), Code::kTampered);
  put(disk_, kLog, log);
  const auto live = open(disk_);
  const auto fails = [](ByteView) -> Status { return {Code::kNoSpace, "no room there"}; };
  EXPECT_EQ(live->archive_audit_log(fails, "").code(), Code::kNoSpace);
  EXPECT_EQ(get(disk_, kLog), log) << "nothing was cut";
}

TEST_F(AuditLogTest, EverySaveIsALineThatSaysWhatChangedAndByWhom) {
  auto live = open(disk_);
  ASSERT_TRUE(rotate(*live).is_ok());
  ASSERT_TRUE(live->update([](Keyring& keyring) { return keyring.add_domain("tenant", 3); }).is_ok());
  ASSERT_TRUE(live->rotate_root("root-2").is_ok());
  ASSERT_TRUE(live->update([](Keyring&) { return Status::ok(); }, "for a reason").is_ok());
  const AuditTrail found = trail(disk_);
  EXPECT_THAT(found.wrong, IsEmpty());
  EXPECT_THAT(found.notes, IsEmpty());
  ASSERT_EQ(found.records.size(), 5u);
  std::vector<std::string> said;
  for (const AuditRecord& record : found.records) {
    const Json json = Json::parse(record.text);
    EXPECT_EQ(json["pid"], getpid());
    EXPECT_EQ(json["uid"], getuid());
    std::string words = json.value("note", "");
    for (const Json& change : json["changes"]) words += (words.empty() ? "" : ", ") + change["what"].get<std::string>();
    said.push_back(words);
  }
  EXPECT_THAT(said, ElementsAre("a new coffer, slot added, domain added, key made", "key state, key made",
                                "domain added, key made", "slot added, slot removed", "for a reason"));
  EXPECT_EQ(live->snapshot()->audit_head(), found.records.back().head);
  EXPECT_EQ(disk_.info(kLog)->mode, 0600u);
}

TEST_F(AuditLogTest, NoKeyStandsInIt) {
  write_lines(3);
  const std::string log = get(disk_, kLog);
  const auto keyring = open(disk_)->snapshot();
  EXPECT_THAT(log, testing::Not(HasSubstr(to_hex(keyring->audit_key().open()->reveal()))));
  for (const DomainKeyEntry& key : keyring->domains()[0].keys) {
    EXPECT_THAT(log, HasSubstr(key.id.hex()));
    EXPECT_THAT(log, testing::Not(HasSubstr(to_hex(key.key.open()->reveal()))));
  }
}

TEST_F(AuditLogTest, EveryAlteredByteIsFoundAndItsLineNamed) {
  write_lines(3);
  const std::string log = get(disk_, kLog);
  const auto keyring = open(disk_)->snapshot();
  size_t line = 1;
  for (size_t at = 0; at < log.size(); ++at) {
    std::string altered = log;
    altered[at] = static_cast<char>(altered[at] ^ 1);
    const auto found = read_audit_log(as_bytes(altered), *keyring);
    ASSERT_TRUE(found.is_ok());
    ASSERT_FALSE(found->wrong.empty()) << "byte " << at;
    const bool last_end = at + 1 == log.size();
    ASSERT_EQ(found->wrong.front().line, last_end ? 0 : line) << "byte " << at;
    line += log[at] == '\n';
  }
}

TEST_F(AuditLogTest, LinesThatWereTakenAwayMovedOrRepeatedAreFound) {
  write_lines(5);
  const std::vector<std::string> lines = lines_of(get(disk_, kLog));
  ASSERT_EQ(lines.size(), 5u);
  EXPECT_THAT(wrong_with(joined(lines)), IsEmpty());
  for (size_t gone = 0; gone < 4; ++gone) {
    std::vector<std::string> left = lines;
    left.erase(left.begin() + static_cast<ptrdiff_t>(gone));
    EXPECT_THAT(wrong_with(joined(left)), ElementsAre(gone + 1)) << gone;
  }
  for (size_t first = 0; first < 4; ++first) {
    std::vector<std::string> moved = lines;
    std::swap(moved[first], moved[first + 1]);
    EXPECT_THAT(wrong_with(joined(moved)), testing::Contains(first + 1)) << first;
  }
  for (size_t twice = 0; twice < 5; ++twice) {
    std::vector<std::string> more = lines;
    more.insert(more.begin() + static_cast<ptrdiff_t>(twice), lines[twice]);
    EXPECT_THAT(wrong_with(joined(more)), testing::Not(IsEmpty())) << twice;
  }
}

TEST_F(AuditLogTest, ACutTailAnOlderLogAndNoneAtAllAreFound) {
  write_lines(5);
  const std::string log = get(disk_, kLog);
  for (size_t size = 0; size < log.size(); ++size) {
    if (size % 7 != 0 && log[size] != '\n' && (size == 0 || log[size - 1] != '\n')) continue;
    EXPECT_THAT(wrong_with(log.substr(0, size)), ElementsAre(0u)) << size;
  }
  ASSERT_TRUE(disk_.remove(kLog).is_ok());
  EXPECT_THAT(lines_in(trail(disk_).wrong), ElementsAre(0u));
  // Work goes on, and what is missing stays missing.
  ASSERT_TRUE(rotate(*open(disk_)).is_ok());
  EXPECT_THAT(lines_in(trail(disk_).wrong), ElementsAre(1u));
}

TEST_F(AuditLogTest, NobodyWithoutTheKeyWritesOn) {
  write_lines(3);
  const std::string log = get(disk_, kLog);
  const auto keyring = open(disk_)->snapshot();
  // The whole chain made anew, with another key: of a keyring that says it is the same coffer's.
  Keyring strangers = Keyring::create(id_of(0xc0), 1).value();
  std::string made;
  for (int line = 0; line < 3; ++line) {
    const auto record = make_audit_record(nullptr, {strangers, {}}, "", 1);
    ASSERT_TRUE(record.is_ok());
    made += record->text;
    strangers.set_audit_head(record->head);
  }
  EXPECT_THAT(wrong_with(made), ElementsAre(1u, 2u, 3u, 0u));
  EXPECT_THAT(wrong_with(log + lines_of(made)[0]), ElementsAre(4u));
  EXPECT_THAT(wrong_with(log + "\n"), ElementsAre(4u));
}

TEST_F(AuditLogTest, AnOlderKeyringThatIsPutBackShows) {
  write_lines(3);
  const std::string third = get(disk_, kKeyring);
  write_lines(3);
  ASSERT_TRUE(rotate(*open(disk_)).is_ok());
  const std::string fifth_before = get(disk_, kKeyring);
  put(disk_, kKeyring, third);
  EXPECT_THAT(lines_in(trail(disk_).wrong), ElementsAre(4u));
  // It is worked on: both branches are there, and told apart.
  ASSERT_TRUE(rotate(*open(disk_)).is_ok());
  EXPECT_THAT(lines_in(trail(disk_).wrong), ElementsAre(7u));
  EXPECT_EQ(trail(disk_).records.size(), 7u);
  EXPECT_NE(get(disk_, kKeyring), fifth_before);
}

TEST_F(AuditLogTest, ACrashAtAnyInstantIsNoAttackAndWorkGoesOn) {
  int images = 0, unfinished = 0, torn = 0;
  bool examining = false;
  const auto examine = [&] {
    if (std::exchange(examining, true)) return;
    for (CrashKind kind : {CrashKind::kDropped, CrashKind::kTorn, CrashKind::kReordered}) {
      for (uint64_t seed = 0; seed < (kind == CrashKind::kDropped ? 1 : 5); ++seed, ++images) {
        auto image = disk_.crash_image(kind, seed);
        const AuditTrail found = trail(*image);
        ASSERT_THAT(lines_in(found.wrong), IsEmpty()) << found.wrong.front().what;
        unfinished += !found.notes.empty();
        const std::string log = get(*image, kLog);
        torn += log.back() != '\n';
        ASSERT_TRUE(rotate(*open(*image)).is_ok());
        const AuditTrail after = trail(*image);
        ASSERT_THAT(lines_in(after.wrong), IsEmpty()) << after.wrong.front().what;
        ASSERT_EQ(after.records.back().head, open(*image)->snapshot()->audit_head());
      }
    }
    examining = false;
  };
  auto live = open(disk_);
  disk_.set_observer(examine);
  for (int save = 0; save < 2; ++save) ASSERT_TRUE(rotate(*live).is_ok());
  EXPECT_GT(images, 100);
  EXPECT_GT(unfinished, 10) << "some must have stopped between the line and the keyring";
  EXPECT_GT(torn, 1);
}

TEST_F(AuditLogTest, WhateverFailsLeavesTheKeyringOldOrNewAndTheLogRight) {
  for (const bool full : {false, true}) {
    int failed = 0;
    for (uint64_t operation = 1;; ++operation) {
      auto memory = disk_.crash_image(CrashKind::kDropped, 0);
      FaultDisk faulty(*memory);
      auto live = open(faulty);
      faulty.arm({operation, full, full, full ? Code::kNoSpace : Code::kIo});
      const Status saved = rotate(*live);
      const bool injected = faulty.fault_count() > 0;
      faulty.arm({});
      live.reset();
      failed += !saved.is_ok();
      const AuditTrail found = trail(*memory);
      ASSERT_THAT(lines_in(found.wrong), IsEmpty()) << operation << ": " << found.wrong.front().what;
      ASSERT_TRUE(rotate(*open(*memory)).is_ok());
      ASSERT_THAT(lines_in(trail(*memory).wrong), IsEmpty()) << operation;
      if (!injected) break;
    }
    EXPECT_GT(failed, 15);
  }
}

TEST_F(AuditLogTest, WhereTheLineCannotBeWrittenTheKeyringStays) {
  const std::string before = get(disk_, kKeyring);
  FaultDisk faulty(disk_);
  auto live = open(faulty);
  int refused = 0;
  for (uint64_t operation = 1; operation < 60; ++operation) {
    faulty.arm({operation, true, true, Code::kNoSpace});
    const Status saved = rotate(*live);
    faulty.arm({});
    if (saved.message().find("the audit log //audit.log: ") == std::string::npos) continue;
    ++refused;
    EXPECT_EQ(saved.code(), Code::kNoSpace);
    EXPECT_EQ(get(disk_, kKeyring), before) << operation;
    if (refused == 3) break;  // writing, and syncing; what comes after is the keyring's
  }
  EXPECT_EQ(refused, 3);
  ASSERT_TRUE(rotate(*live).is_ok());
  EXPECT_THAT(trail(disk_).wrong, IsEmpty());
}

TEST_F(AuditLogTest, SeveralAtOnceMakeOneChain) {
  std::vector<std::thread> threads;
  for (int writer = 0; writer < 3; ++writer) {
    threads.emplace_back([this] {
      auto live = open(disk_);
      for (int save = 0; save < 10; ++save) EXPECT_TRUE(rotate(*live).is_ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
  const AuditTrail found = trail(disk_);
  EXPECT_THAT(found.wrong, IsEmpty());
  EXPECT_THAT(found.notes, IsEmpty()) << "who was slower has written nothing";
  EXPECT_EQ(found.records.size(), 31u);
}

TEST_F(AuditLogTest, SymbolicLinksAreNotWrittenThrough) {
  const std::string coffer = directory_ / "c";
  ASSERT_TRUE(Disk::posix().make_directory(coffer, 0700).is_ok());
  put(Disk::posix(), coffer + "/keyring", get(disk_, kKeyring));
  put(Disk::posix(), directory_ / "victim", "not a log");
  ASSERT_EQ(symlink((directory_ / "victim").c_str(), (coffer + "/audit.log").c_str()), 0);
  const auto store = open_file_keyring_store(Disk::posix(), coffer);
  KeyringSurroundings around;
  around.store = open_file_keyring_store(Disk::posix(), coffer);
  around.coffer_id = id_of(0xc0);
  around.open_root = [this](const std::string& name, const std::string&) { return configured(name); };
  auto live = LiveKeyring::open(std::move(around));
  ASSERT_TRUE(live.is_ok()) << live.status().to_string();
  const Status saved = rotate(**live);
  EXPECT_EQ(saved.code(), Code::kInvalidArgument);
  EXPECT_THAT(std::string(saved.message()), HasSubstr("symbolic link"));
  EXPECT_EQ(get(Disk::posix(), directory_ / "victim"), "not a log");
}

TEST(AuditChanges, EveryKindOfChangeIsSeen) {
  const Keyring before = varied_keyring();
  Keyring after = before;
  const std::vector<DomainKeyEntry>& orders = after.find_domain("orders")->keys;
  ASSERT_TRUE(after.set_key_state(orders[2].id, KeyState::kCompromised, 5).is_ok());
  ASSERT_TRUE(after.set_key_expiry(orders[4].id, 0).is_ok());
  ASSERT_TRUE(after.rotate_domain("orders", 6).is_ok());
  ASSERT_TRUE(after.lock_domain("orders", 6).is_ok());
  StoreEntry store = after.stores()[1];
  store.path = "/srv/\xff\"new";
  store.also_at = "/srv/third";
  store.lineage.push_back({id_of(0x78), 7, LineageHow::kOlder});
  store.lineage.back().store = store.id;
  store.domains.clear();
  ASSERT_TRUE(after.replace_store(store).is_ok());
  ASSERT_TRUE(after.remove_store(after.stores()[0].id).is_ok());
  const KeyringSlot one = slot_of(1), two = slot_of(2);
  const KeyringContents contents{before, std::span(&one, 1)};
  const Json changes = Json::parse(changes_between(&contents, {after, std::span(&two, 1)}));
  std::vector<std::string> said;
  for (const Json& change : changes) said.push_back(change["what"]);
  EXPECT_THAT(said,
              ElementsAre("slot added", "slot removed", "domain locked", "key state", "key expiry", "key made",
                          "store moved", "store is being moved", "store lineage", "store domains", "store forgotten"));
  EXPECT_EQ(changes[3]["from"], "deactivated");
  EXPECT_EQ(changes[3]["to"], "compromised");
  EXPECT_EQ(changes[6]["path"], "/srv/\\xff\"new");
  EXPECT_EQ(changes[6]["node"], "db-1");
  EXPECT_FALSE(changes.back().contains("node"));
  const Json first = Json::parse(changes_between(nullptr, {before, std::span(&one, 1)}));
  EXPECT_EQ(first.size(), 1 + 3 + 7 + 2 + 4u) << first.dump(1);
}

TEST(AuditChanges, HowManyThereMayBeIsLimited) {
  Keyring before = Keyring::create(id_of(1), 1).value();
  Keyring after = before;
  for (int i = 0; i < 300; ++i) ASSERT_TRUE(after.add_store("/s/" + std::to_string(i), 1).is_ok());
  const KeyringContents contents{before, {}};
  const Json changes = Json::parse(changes_between(&contents, {after, {}}));
  EXPECT_EQ(changes.size(), 101u);
  EXPECT_EQ(changes.back()["what"], "more");
  EXPECT_EQ(changes.back()["count"], 200u);
}

}  // namespace
}  // namespace coffer
