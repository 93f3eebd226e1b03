// A restart while the root key's provider does not answer: by the copy of the keyring key that this machine keeps, only
// then, only here, only for as long as the policy has it. And since when it is so, for others who ask.
#include <algorithm>
#include <thread>

#include "coffer/base/clock.h"
#include "coffer/ops/keys.h"
#include "coffer/ops/metrics.h"
#include "coffer/ops/rewrap.h"
#include "coffer/ops/root_standing.h"
#include "coffer/store/local_copy.h"
#include "coffer/store/root_memory.h"
#include "coffer_fixture.h"
#include "support/comes.h"
#include "support/memory_disk.h"
#include "support/seed.h"

namespace coffer {
namespace {

using std::chrono::milliseconds;
using ::testing::AnyOf;
using ::testing::HasSubstr;

// How the provider of the root key is found: ok, or what it answers.
std::mutex found_mutex;
Status found_root;

Status root_as_found() {
  std::lock_guard lock(found_mutex);
  return found_root;
}

// The machine's own key is always there.
Result<std::unique_ptr<RootKeyProvider>> open_when_found(const ProviderUri& uri, const ProviderConfig& config) {
  if (!uri.path.ends_with("/local.key") && !uri.path.ends_with("/wrong.key")) COFFER_TRY(root_as_found());
  return open_provider(uri, config);
}

class LocalUnlockTest : public CofferFixture {
 protected:
  void SetUp() override {
    find_root(Status::ok());
    CofferFixture::SetUp();
    write_key_file("local.key", 'l');
    write_key_file("wrong.key", 'w');
    make_directory("unlock");
    set_policy();
  }
  void TearDown() override {
    CofferFixture::TearDown();
    find_root(Status::ok());
  }

  void make_directory(const std::string& name) const {
    std::filesystem::create_directory(root_ + "/" + name);
    chmod((root_ + "/" + name).c_str(), 0700);
  }
  static void find_root(const Status& found) {
    std::lock_guard lock(found_mutex);
    found_root = found;
  }
  static void lose_root() { find_root({Code::kProviderUnavailable, "nobody answers"}); }

  std::string local_policy(const std::string& key = "local.key", const std::string& directory = "unlock") const {
    return "  local_unlock:\n    key: " + key_uri(key) + "\n    directory: " + root_ + "/" + directory + "\n";
  }
  void set_policy(const std::string& text) const {
    const std::string path = coffer_path() + "/coffer.yaml", before = read(path);
    write(path, before.substr(0, before.find("policy:")) + "policy:\n" + text);
  }
  void set_policy() const { set_policy("  outage_grace: 72h\n" + local_policy()); }

  Result<std::shared_ptr<Coffer>> open() const { return Coffer::open(disk(), coffer_path(), {}, open_when_found); }
  Code code_of_open() const {
    const auto coffer = open();
    return coffer.code();
  }
  // A program that serves, which has looked once.
  std::shared_ptr<Coffer> serve() {
    auto coffer = open();
    EXPECT_TRUE(coffer.is_ok()) << status_text(coffer);
    if (!coffer.is_ok()) return nullptr;
    (*coffer)->live_keyring().look_at_least_every(milliseconds(10));
    (*coffer)->policy().enable();
    (*coffer)->watch_keys();
    return *coffer;
  }
  Id coffer_id() const { return coffer_->config().coffer_id; }
  std::string copy_path(const std::string& directory = "unlock") const {
    return root_ + "/" + directory + "/" + coffer_id().hex();
  }
  std::string record_path() const { return coffer_path() + "/outage"; }
  bool has_copy() const { return std::filesystem::exists(copy_path()); }
  LocalCopy copy() const { return read_local_copy(read(copy_path()), copy_path()).value(); }
  RootRecord record() const {
    const auto records = read_root_records(disk(), coffer_path(), *coffer_->keyring());
    EXPECT_TRUE(records.is_ok()) << status_text(records);
    const auto own = records.is_ok() ? records->find(own_machine_id()->hex()) : RootRecords::const_iterator();
    return records.is_ok() && own != records->end() ? own->second : RootRecord();
  }
  // After programs that served have left a copy, and the record of it.
  void keep_copy() {
    {
      const auto serving = serve();
      ASSERT_TRUE(comes([&] { return !record().copy_path.empty(); }));
    }
    ASSERT_TRUE(has_copy());
  }
  KeyringKey keyring_key() const {
    const LocalCopy kept = copy();
    auto local = open_provider(parse_provider_uri(key_uri("local.key")).value(), {}).value();
    return local->unwrap(kept.handle, {kept.coffer_id, kept.slot_id}, kept.wrapped).value();
  }
  // A copy that whoever has the keyring key could have written.
  void write_copy(const std::function<void(LocalCopy&)>& change) const {
    LocalCopy other = copy();
    const KeyringKey key = keyring_key();
    change(other);
    write(copy_path(), seal_local_copy(other, key).value());
    chmod(copy_path().c_str(), 0600);
  }
  Result<LocalUnlocking> open_copy(Disk& on, const std::string& key = "local.key", uint64_t now = now_seconds()) const {
    Config config = coffer_->present_config().value();
    config.local_unlock->key = parse_provider_uri(key_uri(key)).value();
    return LocalCopyFile(on, config, open_provider, own_machine_id().value())
        .open(*coffer_->live_keyring().header(), now);
  }
};

TEST_F(LocalUnlockTest, ARestartInAnOutageServesUntilTheRootKeyAnswersAgain) {
  write(db("file"), sealed_file(Kind::kBlocks, "contents"));
  keep_copy();
  EXPECT_EQ(std::filesystem::status(copy_path()).permissions(), std::filesystem::perms(0600));
  lose_root();
  const auto serving = serve();
  ASSERT_NE(serving, nullptr);
  const KeyringCondition condition = serving->live_keyring().condition();
  EXPECT_TRUE(condition.opened_locally);
  EXPECT_EQ(root_trouble(condition.root_key), RootTrouble::kUnreachable);
  EXPECT_EQ(condition.root_key_since, copy().answered) << "the grace counts from the last answer";
  uint64_t seen = 0;
  EXPECT_THAT(serving->live_keyring().news_since(seen), HasSubstr("OPENED BY THE LOCAL UNLOCK"));
  EXPECT_TRUE(serving->unlock(ByteView(as_bytes(read(db("file")))).first(kEnvelopeSize), db("file")).is_ok());
  EXPECT_TRUE(serving->new_file({.kind = Kind::kLog}).is_ok());
  // Who serves rotates domains as before; the root key's slots take the root key.
  ASSERT_OK(serving->live_keyring().update([](Keyring& next) { return next.rotate_domain(kSystemDomain, 5000); }));
  EXPECT_EQ(serving->live_keyring().rotate_root("").code(), Code::kProviderUnavailable);
  find_root(Status::ok());
  ASSERT_TRUE(comes([&] { return !serving->live_keyring().condition().opened_locally; }));
  EXPECT_TRUE(serving->live_keyring().condition().root_key.is_ok());
  EXPECT_TRUE(serving->live_keyring().rotate_root("").is_ok());
}

TEST_F(LocalUnlockTest, WhoOnlyReadsReadsAndChangesNothing) {
  keep_copy();
  lose_root();
  const auto coffer = open();
  ASSERT_OK(coffer);
  LiveKeyring& live = (*coffer)->live_keyring();
  const std::string before = read(coffer_path() + "/keyring");
  const auto refused = [](const Status& status) {
    return status.code() == Code::kProviderUnavailable &&
           status.message().find("takes the root key") != std::string_view::npos;
  };
  EXPECT_TRUE(refused(live.update([](Keyring& next) { return next.rotate_domain(kSystemDomain, 5000); })));
  EXPECT_TRUE(refused(live.rotate_root("")));
  EXPECT_TRUE(refused(live.remove_slot("root-1", true)));
  EXPECT_TRUE(refused(live.slots_for(Id{}, KeyringKey::copy_of(Bytes(kKeyringKeySize, 1))).status()));
  EXPECT_TRUE(refused(rewrap(**coffer, {}, {}, nullptr).status()));
  EXPECT_EQ(read(coffer_path() + "/keyring"), before);
}

TEST_F(LocalUnlockTest, OffByItselfNothingIsKeptAndNothingOpens) {
  set_policy("  outage_grace: 72h\n");
  {
    const auto serving = serve();
    ASSERT_TRUE(comes([&] { return record().sighting.answered != 0; }));
  }
  EXPECT_TRUE(std::filesystem::is_empty(root_ + "/unlock"));
  lose_root();
  EXPECT_EQ(code_of_open(), Code::kProviderUnavailable);
  set_policy();
  EXPECT_EQ(code_of_open(), Code::kProviderUnavailable) << "allowed, but none was kept";
}

TEST_F(LocalUnlockTest, NothingButAProviderThatDoesNotAnswerIsAnOutage) {
  keep_copy();
  for (const Code code : {Code::kKeyUnavailable, Code::kKeyDestroyed, Code::kWrongKey, Code::kPermissionDenied,
                          Code::kTampered, Code::kNotFound, Code::kIo, Code::kInvalidArgument}) {
    find_root({code, "as a test has it"});
    EXPECT_EQ(code_of_open(), code);
  }
  lose_root();
  EXPECT_EQ(code_of_open(), Code::kOk);
  EXPECT_EQ(Coffer::open(disk(), coffer_path(), {.root_uri = key_uri("other.key")}, open_when_found).code(),
            Code::kProviderUnavailable)
      << "who says where the root key is wants that one to be asked";
}

TEST_F(LocalUnlockTest, WhatIsNotThisMachinesNewestCopyIsRefusedForWhatItIs) {
  keep_copy();
  const std::string good = read(copy_path());
  lose_root();
  const auto code_with = [&](const std::function<void(LocalCopy&)>& change) {
    write(copy_path(), good);
    write_copy(change);
    return code_of_open();
  };
  const uint64_t now = now_seconds(), day = 86400;
  EXPECT_EQ(code_with([](LocalCopy&) {}), Code::kOk);
  EXPECT_EQ(code_with([&](LocalCopy& copy) { copy.seen = now + 3600; }), Code::kRolledBack) << "the clock is set back";
  EXPECT_EQ(code_with([&](LocalCopy& copy) { copy.machine.bytes[0] ^= 1; }), Code::kForeign);
  EXPECT_EQ(code_with([&](LocalCopy& copy) { copy.coffer_id.bytes[0] ^= 1; }), Code::kForeign);
  EXPECT_EQ(code_with([&](LocalCopy& copy) { copy.slot_id.bytes[0] ^= 1; }), Code::kWrongKey);
  EXPECT_EQ(code_with([&](LocalCopy& copy) { copy.keyring_version += 1; }), Code::kRolledBack)
      << "an older keyring was put back";
  EXPECT_EQ(code_with([&](LocalCopy& copy) { copy.answered -= day; }), Code::kRolledBack)
      << "this machine has kept a newer one";
  // Whoever takes the record away makes no copy good for longer.
  std::filesystem::remove(record_path());
  EXPECT_EQ(code_with([&](LocalCopy& copy) { copy.answered -= day; }), Code::kOk);
  EXPECT_EQ(code_with([&](LocalCopy& copy) { copy.answered -= 3 * day; }), Code::kProviderUnavailable);
  EXPECT_THAT(std::string(open().status().message()), HasSubstr("outage_grace"));
  write(copy_path(), good);
  EXPECT_EQ(open_copy(disk(), "wrong.key").code(), Code::kWrongKey);
  set_policy("  outage_grace: 0s\n" + local_policy());
  EXPECT_EQ(code_of_open(), Code::kProviderUnavailable);
}

TEST_F(LocalUnlockTest, ACopyThatIsAlteredCutOrOpenToOthersOpensNothing) {
  keep_copy();
  const std::string good = read(copy_path());
  // One byte of four, by chance, as each asks the local key.
  for (size_t at = seeds(1).front() % 4; at + 1 < good.size(); at += 4) {
    std::string flipped = good;
    flipped[at] = static_cast<char>(flipped[at] ^ 1);
    write(copy_path(), flipped);
    const Code code = open_copy(disk()).code();
    ASSERT_THAT(code, AnyOf(Code::kDamaged, Code::kTampered, Code::kForeign, Code::kWrongKey, Code::kUnsupported))
        << at;
    write(copy_path(), good.substr(0, at));
    ASSERT_EQ(open_copy(disk()).code(), Code::kDamaged) << at;
  }
  write(copy_path(), good);
  ASSERT_OK(open_copy(disk()));
  chmod(copy_path().c_str(), 0620);
  EXPECT_EQ(open_copy(disk()).code(), Code::kPermissionDenied);
  chmod(copy_path().c_str(), 0600);
  chmod((root_ + "/unlock").c_str(), 0777);
  EXPECT_EQ(open_copy(disk()).code(), Code::kPermissionDenied);
  chmod((root_ + "/unlock").c_str(), 0700);
  std::filesystem::rename(copy_path(), copy_path() + ".there");
  std::filesystem::create_symlink(copy_path() + ".there", copy_path());
  EXPECT_EQ(open_copy(disk()).code(), Code::kInvalidArgument);
}

TEST_F(LocalUnlockTest, ACopyFromBeforeANewKeyringKeyOpensNothingAndIsReplaced) {
  keep_copy();
  const std::string before = read(copy_path());
  ASSERT_OK(coffer_->live_keyring().rotate_root(""));
  lose_root();
  EXPECT_EQ(code_of_open(), Code::kWrongKey);
  find_root(Status::ok());
  {
    const auto serving = serve();
    ASSERT_TRUE(comes([&] { return read(copy_path()) != before && copy().keyring_version == 2; }));
  }
  lose_root();
  EXPECT_EQ(code_of_open(), Code::kOk);
  write(copy_path(), before);
  EXPECT_EQ(code_of_open(), Code::kWrongKey) << "with the old copy put back";
}

TEST_F(LocalUnlockTest, RevokedGivesTheCopyUpForGood) {
  keep_copy();
  const std::string stolen = read(copy_path());
  const auto serving = serve();
  find_root({Code::kKeyUnavailable, "the key is disabled"});
  ASSERT_TRUE(comes([&] { return !has_copy() && record().sighting.trouble == RootTrouble::kRevoked; }));
  lose_root();
  ASSERT_TRUE(comes([&] { return record().sighting.trouble == RootTrouble::kUnreachable; }));
  EXPECT_FALSE(has_copy());
  EXPECT_EQ(code_of_open(), Code::kProviderUnavailable);
  write(copy_path(), stolen);
  chmod(copy_path().c_str(), 0600);
  EXPECT_EQ(code_of_open(), Code::kRolledBack);
  find_root(Status::ok());
  ASSERT_TRUE(comes([&] { return !record().copy_path.empty(); }));
  lose_root();
  EXPECT_EQ(code_of_open(), Code::kOk) << "the key is back, and so is the copy";
}

TEST_F(LocalUnlockTest, RestartsDoNotExtendTheGraceAndTheClockDoesNotGoBackBehindThem) {
  keep_copy();
  const uint64_t answered = copy().answered;
  write_copy([](LocalCopy& copy) { copy.seen = copy.answered - 100; });
  lose_root();
  for (int restart = 0; restart < 2; ++restart) {
    const auto serving = serve();
    ASSERT_NE(serving, nullptr);
    ASSERT_TRUE(comes([&] { return copy().seen >= answered && record().sighting.since == answered; }));
    EXPECT_EQ(copy().answered, answered);
    EXPECT_EQ(serving->live_keyring().condition().root_key_since, answered);
  }
}

TEST_F(LocalUnlockTest, TurnedOffOrMovedTheOldCopyGoes) {
  make_directory("elsewhere");
  const auto serving = serve();
  ASSERT_TRUE(comes([&] { return has_copy(); }));
  set_policy("  outage_grace: 72h\n" + local_policy("local.key", "elsewhere"));
  ASSERT_TRUE(comes([&] { return !has_copy() && std::filesystem::exists(copy_path("elsewhere")); }));
  set_policy("  outage_grace: 72h\n");
  ASSERT_TRUE(comes([&] { return !std::filesystem::exists(copy_path("elsewhere")); }));
  ASSERT_TRUE(comes([&] { return record().copy_path.empty(); }));
  EXPECT_TRUE(examine_local_unlock(*coffer_, now_seconds()).empty());
}

TEST_F(LocalUnlockTest, TheDoctorFindsWhatIsLeftMisplacedOrOver) {
  keep_copy();
  const auto finds = [&](const std::string& what, uint64_t now = now_seconds()) {
    const Findings found = examine_local_unlock(*coffer_, now);
    return std::ranges::any_of(found, [&](const Finding& each) { return each.what.find(what) != std::string::npos; });
  };
  EXPECT_TRUE(finds("is on the keyring's file system"));
  EXPECT_FALSE(finds("no local unlock is kept"));
  EXPECT_FALSE(finds("ended at"));
  EXPECT_TRUE(finds("ended at", now_seconds() + uint64_t{4} * 86400));
  // As no program runs that would remove it.
  set_policy("  outage_grace: 72h\n");
  EXPECT_TRUE(finds("is left there"));
  sealed_file(Kind::kLog, "a store");
  set_policy("  outage_grace: 72h\n" + local_policy("local.key", "db"));
  EXPECT_TRUE(finds("is in the store " + root_ + "/db"));
  set_policy("  outage_grace: 72h\n" + local_policy("local.key", "missing"));
  EXPECT_TRUE(finds("policy: local_unlock: directory: not_found"));
  EXPECT_TRUE(finds("no local unlock is kept yet"));
}

TEST_F(LocalUnlockTest, NeitherARootKeyNorAPlaceThatOthersWriteIsTaken) {
  const auto refused = [&](const std::string& policy) {
    set_policy("  outage_grace: 72h\n" + policy);
    const auto serving = serve();
    EXPECT_NE(serving, nullptr);
    comes([&] { return !serving->live_keyring().condition().root_memory.is_ok(); });
    return serving->live_keyring().condition().root_memory;
  };
  // The same key by another name.
  std::filesystem::copy_file(root_ + "/root.key", root_ + "/same.key");
  EXPECT_THAT(refused(local_policy("same.key")).to_string(), HasSubstr("it is the key of root root-1"));
  chmod((root_ + "/unlock").c_str(), 0770);
  EXPECT_EQ(refused(local_policy()).code(), Code::kPermissionDenied);
  EXPECT_THAT(refused(local_policy("local.key", "missing")).to_string(), HasSubstr("install -d -m 700"));
  EXPECT_TRUE(std::filesystem::is_empty(root_ + "/unlock"));
}

TEST_F(LocalUnlockTest, TheMachineMayStopAtAnyStepOfWritingOrGivingUp) {
  keep_copy();
  const KeyringKey key = keyring_key();
  const KeyringHeader header = *coffer_->live_keyring().header();
  Config config = coffer_->present_config().value();
  config.local_unlock->directory = "/";
  MemoryDisk disk;
  const LocalCopyFile file(disk, config, open_provider, own_machine_id().value());
  int opened = 0, none = 0, images = 0;
  bool is_given_up = false, examining = false;
  disk.set_observer([&] {
    if (std::exchange(examining, true)) return;
    for (const CrashKind kind : {CrashKind::kDropped, CrashKind::kTorn, CrashKind::kReordered}) {
      for (uint64_t seed = 0; seed < 5; ++seed, ++images) {
        const auto image = disk.crash_image(kind, seed);
        auto found = LocalCopyFile(*image, config, open_provider, own_machine_id().value()).open(header, now_seconds());
        if (found.is_ok()) {
          ++opened;
          EXPECT_TRUE(equal_constant_time(found->key.reveal(), key.reveal()));
        } else {
          ++none;
          // Half overwritten is damaged, and that only on the way out.
          EXPECT_TRUE(found.code() == Code::kNotFound || is_given_up) << status_text(found);
          EXPECT_THAT(found.code(), AnyOf(Code::kNotFound, Code::kDamaged, Code::kTampered, Code::kWrongKey));
        }
      }
    }
    examining = false;
  });
  ASSERT_OK(file.keep(header, key));
  const int none_at_first = none;
  ASSERT_OK(file.keep(header, key));
  EXPECT_EQ(none, none_at_first) << "replaced, there is the old or the new one";
  is_given_up = true;
  ASSERT_OK(LocalCopyFile::destroy(disk, file.path()));
  EXPECT_FALSE(disk.info(file.path()).is_ok());
  EXPECT_GT(opened, 30);
  EXPECT_GT(none, none_at_first);
}

// A process that was stopped, or somebody with a shell.
TEST_F(LocalUnlockTest, WhoStandsStillWithALockKeepsNobodyFromServing) {
  keep_copy();
  std::filesystem::remove(record_path());
  auto of_record = disk().lock(record_path() + ".lock", true);
  auto of_copy = disk().lock(copy_path() + ".lock", true);
  ASSERT_OK(of_record);
  ASSERT_OK(of_copy);
  const auto serving = serve();
  ASSERT_NE(serving, nullptr);
  ASSERT_TRUE(comes([&] { return serving->live_keyring().condition().root_memory.code() == Code::kBusy; }));
  of_record->reset();
  of_copy->reset();
  EXPECT_TRUE(comes([&] { return !record().copy_path.empty(); }));
  EXPECT_TRUE(comes([&] { return serving->live_keyring().condition().root_memory.is_ok(); }));
}

TEST(RootRecord, ThatAllIsWellIsNotSaidAgainWithinHalfAMinute) {
  RootRecord record;
  const auto answered_after = [&](const RootSighting& seen) {
    record.add(seen);
    return record.sighting.answered;
  };
  EXPECT_EQ(answered_after({RootTrouble::kNone, 0, 1000}), 1000u);
  EXPECT_EQ(answered_after({RootTrouble::kNone, 0, 1029}), 1000u);
  EXPECT_EQ(answered_after({RootTrouble::kNone, 0, 1030}), 1030u);
  EXPECT_EQ(answered_after({RootTrouble::kNone, 0, 900}), 900u) << "the clock was ahead";
  EXPECT_EQ(answered_after({RootTrouble::kUnreachable, 905, 902}), 902u) << "trouble is said at once";
  EXPECT_EQ(record.sighting.since, 905u);
  EXPECT_EQ(answered_after({RootTrouble::kNone, 0, 910}), 910u) << "so is its end";
  EXPECT_EQ(record.sighting.since, 0u);
}

TEST_F(LocalUnlockTest, ItIsRecordedSinceWhenTheRootKeyIsInTroubleForOthersToSay) {
  set_policy("  outage_grace: 2h\n");
  const auto first = serve(), second = serve();
  ASSERT_TRUE(comes([&] { return record().sighting.answered != 0; }));
  EXPECT_EQ(std::filesystem::status(record_path()).permissions(), std::filesystem::perms(0600));
  lose_root();
  ASSERT_TRUE(comes([&] { return record().sighting.trouble == RootTrouble::kUnreachable; }));
  // That of the program that was first counts.
  const uint64_t since = record().sighting.since - 1000;
  ASSERT_OK(update_root_record(disk(), coffer_path(), *coffer_->keyring(), own_machine_id().value(),
                               [&](RootRecord& record) { record.sighting.since = since; }));
  const auto third = coffer_;  // was opened before, and has not looked since
  const Status now_found(Code::kProviderUnavailable, "nobody answers");
  const RootStanding standing = standing_after(*third, now_found, now_seconds());
  EXPECT_TRUE(standing.is_recorded);
  EXPECT_EQ(standing.outlook.since, since);
  EXPECT_EQ(standing.outlook.from, since + 7200);
  EXPECT_GT(standing.answered, since);
  KeyringCondition condition = third->live_keyring().condition();
  condition.root_key = now_found;
  EXPECT_THAT(prometheus_text(*third, condition).value(),
              AllOf(HasSubstr("coffer_root_key_trouble_since_seconds " + std::to_string(since) + "\n"),
                    HasSubstr("coffer_root_key_grace_until_seconds " + std::to_string(since + 7200) + "\n")));
  find_root(Status::ok());
  ASSERT_TRUE(comes([&] { return record().sighting.trouble == RootTrouble::kNone; }));
  EXPECT_EQ(record().sighting.since, 0u);
}

TEST_F(LocalUnlockTest, ARecordThatSomebodyChangedIsNotBelievedAndIsReplaced) {
  const Id machine = own_machine_id().value();
  const Keyring& keyring = *coffer_->keyring();
  const auto set = [&](uint64_t since) {
    return update_root_record(disk(), coffer_path(), keyring, machine, [&](RootRecord& record) {
      record.sighting = {RootTrouble::kUnreachable, since, 10};
      record.copy_path = "/x";
    });
  };
  ASSERT_OK(set(1000));
  const std::string good = read(record_path());
  for (size_t at = 0; at + 1 < good.size(); ++at) {
    std::string flipped = good;
    flipped[at] = static_cast<char>(flipped[at] ^ 1);
    write(record_path(), flipped);
    ASSERT_EQ(read_root_records(disk(), coffer_path(), keyring).code(), Code::kTampered) << at;
  }
  EXPECT_THAT(examine_local_unlock(*coffer_, now_seconds()).front().what, HasSubstr("is not known: tampered"));
  ASSERT_OK(set(2000));
  EXPECT_EQ(record().sighting.since, 2000u);
  // Machines that come and go leave no file that grows for ever.
  MemoryDisk disk;
  for (int i = 0; i < 70; ++i) {
    const Id other = machine_id_of("machine " + std::to_string(i)).value();
    ASSERT_OK(update_root_record(disk, "/", keyring, other,
                                 [&](RootRecord& record) { record.sighting.answered = 3000 + i; }));
  }
  const auto records = read_root_records(disk, "/", keyring);
  ASSERT_OK(records);
  EXPECT_EQ(records->size(), 64u);
  EXPECT_EQ(records->count(machine_id_of("machine 5")->hex()), 0u) << "those that were heard of least recently go";
  EXPECT_EQ(records->count(machine_id_of("machine 6")->hex()), 1u);
}

}  // namespace
}  // namespace coffer
