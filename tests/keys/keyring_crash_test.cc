// The machine stops at any instant while keyrings are saved and loaded.
#include <gtest/gtest.h>

#include "coffer/keys/version_anchor.h"
#include "keys/keyring_history.h"
#include "support/memory_disk.h"

namespace coffer {
namespace {

constexpr CrashKind kCrashKinds[] = {CrashKind::kDropped, CrashKind::kTorn, CrashKind::kReordered};
constexpr uint64_t kSeedsPerInstant = 40;
constexpr uint64_t kVersions = 6;

// Calls `examine` with everything a machine might find after stopping now.
int for_each_crash(const MemoryDisk& disk, const std::function<void(MemoryDisk&, const std::string&)>& examine) {
  int images = 0;
  for (CrashKind kind : kCrashKinds) {
    for (uint64_t seed = 0; seed < (kind == CrashKind::kDropped ? 1 : kSeedsPerInstant); ++seed) {
      auto image = disk.crash_image(kind, seed);
      examine(*image, "kind " + std::to_string(static_cast<int>(kind)) + ", seed " + std::to_string(seed) +
                          ", change " + std::to_string(disk.change_count()));
      ++images;
    }
  }
  return images;
}

// A keyring whose first version is durable, and what must hold of every image from then on.
class KeyringCrash : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(store_->save(history_.sealed(1), 0).is_ok());
    disk_.set_observer([this] { examine(); });
  }

  void examine() {
    if (examining_) return;
    examining_ = true;
    images_ += for_each_crash(disk_, [&](MemoryDisk& image, const std::string& which) {
      auto loaded = open_file_keyring_store(image, "/")->load();
      ASSERT_TRUE(loaded.is_ok()) << which << ": " << loaded.status().to_string();
      ASSERT_GE(loaded->header.version, durable_) << which << ": a version that was saved or loaded is gone";
      ASSERT_LE(loaded->header.version, started_) << which;
      ASSERT_EQ(loaded->sealed, history_.sealed(loaded->header.version)) << which;
      found_newest_ += loaded->header.version == started_ && durable_ < started_;
      found_older_ += loaded->header.version < started_;
    });
    examining_ = false;
  }

  MemoryDisk disk_;
  KeyringHistory history_;
  std::unique_ptr<KeyringStore> store_ = open_file_keyring_store(disk_, "/");
  uint64_t durable_ = 1;  // at least this one must be found
  uint64_t started_ = 1;  // and at most this one
  bool examining_ = false;
  int images_ = 0, found_newest_ = 0, found_older_ = 0;
};

TEST_F(KeyringCrash, WhileSavingLeavesOldOrNewAndNeverUndoesASave) {
  for (uint64_t version = 2; version <= kVersions; ++version) {
    history_.sealed(version);
    started_ = version;
    ASSERT_TRUE(store_->save(history_.sealed(version), version - 1).is_ok());
    durable_ = version;
    examine();
  }
  EXPECT_GT(images_, 2000);
  EXPECT_GT(found_newest_, 50) << "the model must show saves that arrived although nobody had been told yet";
  EXPECT_GT(found_older_, 50);
}

// Another process loads the new version between the rename and the syncing of the directory, and writes files under its
// keys: from then on no crash may bring the older version back.
TEST_F(KeyringCrash, NeverUndoesWhatWasLoaded) {
  auto reader = open_file_keyring_store(disk_, "/");
  bool reading = false;
  int early_loads = 0;
  disk_.set_observer([&] {
    if (reading) return;
    reading = true;
    auto loaded = reader->load();
    ASSERT_TRUE(loaded.is_ok());
    early_loads += loaded->header.version > durable_;
    durable_ = std::max(durable_, loaded->header.version);
    reading = false;
    examine();
  });
  for (uint64_t version = 2; version <= kVersions; ++version) {
    history_.sealed(version);
    started_ = version;
    ASSERT_TRUE(store_->save(history_.sealed(version), version - 1).is_ok());
  }
  EXPECT_EQ(early_loads, static_cast<int>(kVersions) - 1) << "each version was seen before its save returned";
  EXPECT_GT(images_, 2000);
}

TEST_F(KeyringCrash, AfterACrashSavingGoesOn) {
  history_.sealed(3);
  started_ = 3;
  std::vector<std::unique_ptr<MemoryDisk>> images;
  disk_.set_observer([&] {
    for (uint64_t seed = 0; seed < 10; ++seed) images.push_back(disk_.crash_image(CrashKind::kReordered, seed));
  });
  ASSERT_TRUE(store_->save(history_.sealed(2), 1).is_ok());
  ASSERT_TRUE(store_->save(history_.sealed(3), 2).is_ok());
  int resumed = 0;
  for (const auto& image : images) {
    auto store = open_file_keyring_store(*image, "/");
    auto loaded = store->load();
    ASSERT_TRUE(loaded.is_ok());
    if (loaded->header.version == 3) continue;
    ASSERT_TRUE(store->save(history_.sealed(loaded->header.version + 1), loaded->header.version).is_ok());
    EXPECT_EQ(store->load()->header.version, loaded->header.version + 1);
    // The leftover of the crash is gone, the keyring and its lock stay.
    EXPECT_EQ(image->list("/")->size(), 2u);
    ++resumed;
  }
  EXPECT_GT(resumed, 50);
}

TEST(AnchorCrash, AnAnchorNeverGoesBackAndIsNeverHalf) {
  MemoryDisk disk;
  auto anchor = open_file_anchor(disk, "/anchor", id_of(1));
  uint64_t durable = 0;
  int images = 0;
  auto examine = [&] {
    images += for_each_crash(disk, [&](MemoryDisk& image, const std::string& which) {
      auto mark = open_file_anchor(image, "/anchor", id_of(1))->load();
      ASSERT_TRUE(mark.is_ok()) << which << ": " << mark.status().to_string();
      ASSERT_GE(mark->has_value() ? (*mark)->version : 0, durable) << which;
    });
  };
  disk.set_observer(examine);
  for (uint64_t version = 1; version <= 4; ++version) {
    ASSERT_TRUE(anchor->advance({version, Sha256{}}).is_ok());
    durable = version;
    examine();
  }
  EXPECT_GT(images, 1000);
}

}  // namespace
}  // namespace coffer
