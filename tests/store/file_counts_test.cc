// Counts of files are kept for people, added to by whoever serves, and never believed where something hangs on it.
#include "coffer/store/file_counts.h"

#include <thread>

#include "coffer/files/counted_file.h"
#include "coffer/ops/inventory.h"
#include "coffer/ops/keys.h"
#include "coffer/ops/rewrap.h"
#include "coffer_fixture.h"

namespace coffer {
namespace {

using ::testing::HasSubstr;
using Keep = FileCounts::Keep;

class FileCountsTest : public CofferFixture {
 protected:
  void SetUp() override {
    CofferFixture::SetUp();
    for (const char* name : {"a", "b", "c"}) write(db(name), sealed_file(Kind::kBlocks, "abc"));
    ASSERT_OK(count_anew(Keep::kAlways));
  }

  // Whether what was counted could be kept.
  Status count_anew(Keep keep = Keep::kIfMany) {
    auto inventory = take_inventory(*coffer_, {}, keep);
    return inventory.is_ok() ? std::move(inventory->kept) : inventory.status();
  }
  std::string counts_path() const { return coffer_path() + "/counts"; }
  FileCounts& counts() { return coffer_->file_counts(); }
  Id active_key() const { return coffer_->keyring()->find_domain(kSystemDomain)->active()->id; }
  void rotate() {
    ASSERT_OK(coffer_->live_keyring().update([](Keyring& next) { return next.rotate_domain(kSystemDomain, 2000); }));
  }
  std::map<Id, StoreCounts> kept() {
    const auto loaded = counts().load();
    EXPECT_TRUE(loaded.is_ok()) << loaded.status().to_string();
    return loaded.is_ok() && *loaded ? (*loaded)->stores : std::map<Id, StoreCounts>();
  }
  std::map<Id, StoreCounts> counted_anew() {
    FileTally tally(*coffer_);
    EXPECT_TRUE(visit_files(*coffer_, {}, [&](const InventoryFile& file) {
                  tally.add(file);
                  return Status::ok();
                }).is_ok());
    return tally.result().stores;
  }
  // As a program that serves does it.
  void remove(const std::string& name) {
    const auto gone = counted_at(*coffer_, db(name));
    std::filesystem::remove(db(name));
    counts().changed(gone, std::nullopt);
  }
  void add(const std::string& name, const std::string& contents) {
    write(db(name), contents);
    counts().changed(std::nullopt, counted_at(*coffer_, db(name)));
  }
  // So many files as are worth it, made up.
  CountedFiles many(uint64_t begun = now_milliseconds()) {
    CountedFiles out{begun, begun};
    const std::shared_ptr<const Keyring> keyring = coffer_->keyring();
    for (const StoreEntry& store : keyring->stores()) {
      out.stores[store.id].by_class[{.what = FileClass::What::kEncrypted, .key = active_key()}] = {30'000, 1'000'000};
    }
    return out;
  }
};

TEST_F(FileCountsTest, WhatComesAndGoesIsAddedToTheFullCount) {
  EXPECT_EQ(kept(), counted_anew());
  remove("a");
  add("d", sealed_file(Kind::kLog, "abcdef"));
  add("clear", "plaintext, which anybody can read");
  ASSERT_OK(counts().save());
  EXPECT_EQ(kept(), counted_anew());
  rotate();
  add("e", sealed_file(Kind::kBlocks, "of the next key"));
  remove("clear");
  {
    const auto another = open_coffer();
    another->file_counts().changed(counted_at(*another, db("b")), std::nullopt);
    std::filesystem::remove(db("b"));
  }  // saved as it goes
  ASSERT_OK(counts().save());
  EXPECT_EQ(kept(), counted_anew());
  ASSERT_OK(rewrap(*coffer_, {db("c")}, {}, nullptr));
  ASSERT_OK(counts().save());
  EXPECT_EQ(kept(), counted_anew());
}

TEST_F(FileCountsTest, ARewrapOfAllEndsWithAFullCount) {
  std::filesystem::remove(db("a"));  // which nobody counts
  EXPECT_NE(kept(), counted_anew());
  rotate();
  ASSERT_OK(rewrap(*coffer_, {}, {}, nullptr));
  EXPECT_EQ(kept(), counted_anew());
  for (const auto& [store, counts] : kept()) {
    for (const auto& [of, usage] : counts.by_class) EXPECT_EQ(of.key, active_key());
  }
}

TEST_F(FileCountsTest, AFileThatIsBeingWrittenCountsWithItsFirstBytes) {
  const auto before = kept();
  ASSERT_EQ(before.size(), 1u);
  const Id store = before.begin()->first;
  const FileClass of{.what = FileClass::What::kEncrypted, .key = active_key()};
  const Usage then = before.at(store).by_class.at(of);
  {
    GrowingFile file(counts(), {store, of, 0}, false);
    ASSERT_OK(counts().save());
    EXPECT_EQ(kept(), before);
    file.reached(9000);
    ASSERT_OK(counts().save());
    EXPECT_EQ(kept().at(store).by_class.at(of), (Usage{then.files + 1, then.bytes + 9000}));
    file.reached(20000);
    ASSERT_OK(counts().save());
    EXPECT_EQ(kept().at(store).by_class.at(of), (Usage{then.files + 1, then.bytes + 20000}));
    rotate();
    file.is_under(active_key());
    ASSERT_OK(counts().save());
    EXPECT_EQ(kept().at(store).by_class.at(of), then);
    file.reached(15000);
  }
  ASSERT_OK(counts().save());
  const FileClass next{.what = FileClass::What::kEncrypted, .key = active_key()};
  EXPECT_EQ(kept().at(store).by_class.at(next), (Usage{1, 15000}));
}

TEST_F(FileCountsTest, AFileThatIsLookedAtCountsByEachOfItsNames) {
  const auto before = kept();
  const Id store = before.begin()->first;
  const FileClass of{.what = FileClass::What::kEncrypted, .key = active_key()};
  const Usage then = before.at(store).by_class.at(of);
  std::optional<CountedFile> now = CountedFile{store, {.what = FileClass::What::kEmpty}, 0, 1};
  {
    GrowingFile file(counts(), {.store = store, .of = {}, .names = 0}, [&] { return now; });
    ASSERT_OK(counts().save());
    EXPECT_EQ(kept().at(store).by_class.at(now->of), (Usage{1, 0}));
    now = CountedFile{store, of, 9000, 3};
    ASSERT_OK(counts().save());
    EXPECT_EQ(kept().at(store).by_class, (std::map<FileClass, Usage>{{of, {then.files + 3, then.bytes + 27000}}}));
    now.reset();  // cannot be looked at: stays as it was
    ASSERT_OK(counts().save());
    EXPECT_EQ(kept().at(store).by_class.at(of).files, then.files + 3);
    now = CountedFile{store, of, 5000, 1};
    file.settle();
    now->names = 0;
  }
  ASSERT_OK(counts().save());
  EXPECT_EQ(kept(), before);
}

TEST_F(FileCountsTest, WhatAFullCountHasSeenIsNotAddedOnceMore) {
  add("d", sealed_file(Kind::kBlocks, "abc"));
  remove("a");
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  ASSERT_OK(count_anew());
  ASSERT_OK(counts().save());
  EXPECT_EQ(kept(), counted_anew());
}

TEST_F(FileCountsTest, FewFilesAreCountedAnewAndNothingIsKeptOfThem) {
  EXPECT_FALSE(kept_inventory(*coffer_)->has_value());
  std::filesystem::remove(counts_path());
  ASSERT_OK(count_anew());
  EXPECT_FALSE(counts().are_kept());
  remove("a");
  ASSERT_OK(counts().save());
  EXPECT_FALSE(std::filesystem::exists(counts_path()));
  EXPECT_TRUE(Coffer::is_own_file("counts"));
  EXPECT_TRUE(Coffer::is_own_file("counts.lock"));
}

TEST_F(FileCountsTest, StoresThatNobodyCountedAreNoEmptyOnes) {
  ASSERT_OK(counts().keep(many(), Keep::kAlways));
  auto inventory = kept_inventory(*coffer_);
  ASSERT_OK(inventory);
  ASSERT_TRUE(inventory->has_value());
  EXPECT_EQ((*inventory)->encrypted, (Usage{30'000, 1'000'000}));
  EXPECT_EQ((*inventory)->active, (Usage{30'000, 1'000'000}));
  // One whose directory is gone has no files, and is told.
  std::filesystem::rename(root_ + "/db", root_ + "/away");
  inventory = kept_inventory(*coffer_);
  EXPECT_EQ((*inventory)->encrypted.files, 0u);
  EXPECT_EQ((*inventory)->missing_stores.size(), 1u);
  std::filesystem::rename(root_ + "/away", root_ + "/db");
  std::filesystem::create_directory(root_ + "/next");
  ASSERT_OK(coffer_->stores().store_for({.directory = root_ + "/next", .confirms = true, .path = root_ + "/next/x"}));
  EXPECT_FALSE(kept_inventory(*coffer_)->has_value());
}

TEST_F(FileCountsTest, WhatSomebodyElseWroteIsNotBelieved) {
  const std::string good = read(counts_path());
  ASSERT_THAT(good, HasSubstr("{\"counts\":{\"begun\":"));
  for (size_t at = 0; at < good.size() - 1; at += 3) {
    std::string flipped = good;
    flipped[at] = static_cast<char>(flipped[at] ^ 1);
    write(counts_path(), flipped);
    ASSERT_EQ(kept_inventory(*coffer_).code(), Code::kTampered) << at;
  }
  remove("a");
  EXPECT_EQ(counts().save().code(), Code::kTampered);
  // It is not made good by who comes along, only by who means to.
  EXPECT_EQ(count_anew().code(), Code::kTampered);
  EXPECT_EQ(take_inventory(*coffer_, {})->encrypted.files, 2u);
  ASSERT_OK(count_anew(Keep::kAlways));
  EXPECT_EQ(kept(), counted_anew());
  ASSERT_OK(coffer_->clone_to(root_ + "/clone", open_provider));
  std::filesystem::copy(counts_path(), root_ + "/clone/counts");
  const auto clone = Coffer::open(disk(), root_ + "/clone", {}, open_provider);
  ASSERT_OK(clone);
  EXPECT_EQ((*clone)->file_counts().load().code(), Code::kTampered);
}

// The rollback that nobody can tell from the newest state: C1.
TEST_F(FileCountsTest, AKeyIsNotDestroyedBecauseTheCountsSayThatNothingNeedsIt) {
  rotate();
  const Id store = coffer_->keyring()->stores().front().id;
  CountedFiles nothing{now_milliseconds() + 1'000'000, now_milliseconds() + 1'000'000};
  nothing.stores[store].by_class[{.what = FileClass::What::kEncrypted, .key = active_key()}] = {30'000, 1'000'000};
  ASSERT_OK(counts().keep(nothing, Keep::kAlways));
  const auto inventory = kept_inventory(*coffer_);
  ASSERT_TRUE(inventory.is_ok() && inventory->has_value());
  const DomainKeyEntry old = coffer_->keyring()->find_domain(kSystemDomain)->keys.front();
  EXPECT_FALSE((*inventory)->by_key.contains(old.id));
  EXPECT_EQ(destroy_key(*coffer_, "system:1").code(), Code::kBusy);
  EXPECT_TRUE(is_in_use(old, *take_inventory(*coffer_, {})));
}

TEST_F(FileCountsTest, HoweverMuchWaitsToBeSavedNothingOfItIsLost) {
  constexpr uint32_t kKeys = 100'001;
  const Id store = coffer_->keyring()->stores().front().id;
  for (uint32_t i = 0; i < kKeys; ++i) {
    CountedFile file{store, {.what = FileClass::What::kEncrypted}, 10};
    std::memcpy(file.of.key.bytes.data(), &i, sizeof i);
    file.of.key.bytes.back() = 1;
    counts().changed(std::nullopt, file);
  }
  ASSERT_OK(counts().save());
  Usage all;
  const StoreCounts sums = kept().at(store);
  for (const auto& [of, usage] : sums.by_class) all = {all.files + usage.files, all.bytes + usage.bytes};
  EXPECT_EQ(all.files, kKeys + 3u);
  EXPECT_GT(all.bytes, kKeys * 10u);
}

TEST_F(FileCountsTest, CountsNeverGoBelowNothing) {
  CountedFiles few = many();
  for (auto& [store, counts] : few.stores) counts.by_class.begin()->second = {1, 10};
  ASSERT_OK(counts().keep(few, Keep::kAlways));
  remove("a");
  remove("b");
  ASSERT_OK(counts().save());
  for (const auto& [store, counts] : kept()) EXPECT_TRUE(counts.by_class.empty());
}

}  // namespace
}  // namespace coffer
