// A keyring in shards as programs share it: one writes, others read, any of them may be killed, and somebody may lay
// hands on a shard.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "coffer/keys/first_keyring.h"
#include "coffer/providers/registry.h"
#include "io/temporary_directory.h"
#include "keys/fixtures.h"
#include "keys/keyring_places.h"
#include "support/fault_disk.h"

namespace coffer {
namespace {

using testing::HasSubstr;

class LiveShards : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam()) {
      place_ = std::make_unique<DirectoryPlace>();
    } else {
      place_ = std::make_unique<ValuePlace>();
    }
    ASSERT_TRUE(replace_file(Disk::posix(), directory_ / "root.key", Bytes(64, 0x81), 0600).is_ok());
    auto first = seal_first_keyring(Keyring::create(id_of(0xc0), 1).value(), root().value(), "");
    ASSERT_TRUE(first.is_ok()) << first.status().to_string();
    ASSERT_TRUE(place_->open()->save(first->sealed, 0, first->audit_record).is_ok());
  }

  Result<ConfiguredRoot> root() const {
    COFFER_ASSIGN(auto provider, open_provider("file://" + directory_ / "root.key", {}));
    return ConfiguredRoot{"root-1", std::move(provider), ""};
  }
  Result<std::unique_ptr<LiveKeyring>> try_open(std::unique_ptr<KeyringStore> store) const {
    KeyringSurroundings out;
    out.store = std::move(store);
    out.coffer_id = id_of(0xc0);
    out.open_root = [this](const std::string&, const std::string&) { return root(); };
    out.retry_delay = std::chrono::milliseconds(0);
    return LiveKeyring::open(std::move(out));
  }
  std::unique_ptr<LiveKeyring> open() const {
    auto live = try_open(place_->open());
    EXPECT_TRUE(live.is_ok()) << live.status().to_string();
    return live.is_ok() ? std::move(*live) : nullptr;
  }
  static void add_tenants(LiveKeyring& live, size_t from, size_t count) {
    const Status done = live.update([&](Keyring& keyring) {
      for (size_t i = from; i < from + count; ++i) COFFER_TRY(keyring.add_domain(tenant(i), 2));
      return Status::ok();
    });
    ASSERT_TRUE(done.is_ok()) << done.to_string();
  }
  static void rotate(LiveKeyring& live, size_t number) {
    const Status done = live.update([&](Keyring& keyring) { return keyring.rotate_domain(tenant(number), 3); });
    ASSERT_TRUE(done.is_ok()) << done.to_string();
  }
  static const ShardEntry& shard_with(const Keyring& keyring, const std::string& domain) {
    const DomainTag tag = tag_of_id(keyring.find_domain(domain)->keys[0].id);
    return *std::ranges::find_if(keyring.shards(), [&](const ShardEntry& shard) { return shard.is_for(tag); });
  }

  TemporaryDirectory directory_;
  std::unique_ptr<KeyringPlace> place_;
};

INSTANTIATE_TEST_SUITE_P(Places, LiveShards, testing::Bool(),
                         [](const auto& given) { return given.param ? "Directory" : "Value"; });

TEST_P(LiveShards, AChangeWritesOneShardAndTheOldOneIsGone) {
  auto live = open();
  add_tenants(*live, 0, 100);
  EXPECT_EQ(place_->shard_count(), 0u) << "a small coffer is one file";
  add_tenants(*live, 100, 1900);
  const auto before = live->snapshot();
  ASSERT_GT(before->shards().size(), 4u);
  EXPECT_EQ(place_->shard_count(), before->shards().size());
  rotate(*live, 7);
  const auto after = live->snapshot();
  std::set<Sha256> names;
  for (const ShardEntry& shard : before->shards()) names.insert(shard.name);
  const auto is_new = [&](const ShardEntry& shard) { return !names.contains(shard.name); };
  // By chance it is the one that has to be split.
  EXPECT_EQ(std::ranges::count_if(after->shards(), is_new), 1 + after->shards().size() - before->shards().size());
  EXPECT_EQ(place_->shard_count(), after->shards().size());
  // The root key is rotated without a look at any shard.
  ASSERT_TRUE(live->rotate_root("").is_ok());
  EXPECT_TRUE(live->snapshot()->domains_unlike(*after).empty());
  expect_equal(*open()->snapshot(), *live->snapshot());
}

TEST_P(LiveShards, WhatAnotherSavedIsTakenUpAndTheRestIsShared) {
  auto mine = open();
  add_tenants(*mine, 0, 2000);
  auto other = open();
  const auto before = mine->snapshot();
  rotate(*other, 7);
  ASSERT_TRUE(mine->refresh().is_ok());
  EXPECT_EQ(mine->snapshot()->find_domain(tenant(7))->keys.size(), 2u);
  EXPECT_EQ(before->find_domain(tenant(7))->keys.size(), 1u) << "who has a snapshot keeps it";
  EXPECT_LT(mine->snapshot()->domains_unlike(*before).size(), 400u);
}

TEST_P(LiveShards, AShardThatIsMissingOrAnotherIsNamedAndTheKeysThereAreStayInUse) {
  auto mine = open();
  add_tenants(*mine, 0, 600);
  const auto before = mine->snapshot();
  const ShardEntry old = shard_with(*before, tenant(7));
  const Bytes older = place_->read_shard(old.name);
  const Id key = before->find_domain(tenant(7))->keys[0].id;
  auto other = open();
  // Of the same size, so that it can be told from the newer one by its bytes only.
  ASSERT_TRUE(other->update([&](Keyring& keyring) { return keyring.set_key_expiry(key, 9); }).is_ok());
  const ShardEntry now = shard_with(*other->snapshot(), tenant(7));
  const Bytes good = place_->read_shard(now.name);
  const Bytes neighbour = place_->read_shard(
      std::ranges::find_if(before->shards(), [&](const ShardEntry& shard) { return shard.name != old.name; })->name);
  Bytes flipped = good;
  flipped[100] ^= 1;
  const Bytes cut(good.begin(), good.end() - 1);
  const struct {
    ByteView bytes;
    std::vector<Code> codes;
  } cases[] = {{{}, {Code::kNotFound}},
               {older, {Code::kTampered}},
               {neighbour, {Code::kTruncated, Code::kDamaged, Code::kTampered}},
               {flipped, {Code::kDamaged}},
               {cut, {Code::kTruncated}},
               {as_bytes("hello"), {Code::kPlaintext}}};
  for (const auto& each : cases) {
    place_->put_shard(now.name, each.bytes);
    const Status refused = mine->refresh();
    EXPECT_THAT(each.codes, testing::Contains(refused.code())) << refused.to_string();
    EXPECT_THAT(refused.to_string(), HasSubstr(to_hex(now.name)));
    EXPECT_EQ(mine->snapshot(), before);
    EXPECT_FALSE(mine->update([](Keyring&) { return Status::ok(); }).is_ok()) << "nothing is built upon it";
    EXPECT_EQ(try_open(place_->open()).code(), refused.code());
    if (each.bytes.empty()) place_->put_shard(now.name, good);
  }
  place_->put_shard(now.name, good);
  EXPECT_TRUE(mine->refresh().is_ok());
  EXPECT_EQ(mine->snapshot()->find_key(key).entry->expires, 9u);
}

TEST_P(LiveShards, ADestroyedKeyIsInNoShardThatIsThere) {
  auto live = open();
  add_tenants(*live, 0, 600);
  const ShardEntry old = shard_with(*live->snapshot(), tenant(7));
  ASSERT_TRUE(live->update([](Keyring& keyring) { return keyring.shred_domain(tenant(7), 3); }).is_ok());
  EXPECT_EQ(place_->open()->load_shard(old).code(), Code::kNotFound);
  EXPECT_TRUE(open()->snapshot()->find_domain(tenant(7))->keys[0].key.empty());
}

TEST_P(LiveShards, AReaderOpensWhileAWriterSplits) {
  auto live = open();
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (size_t i = 0; i < 40; ++i) add_tenants(*live, i * 25, 25);
    done = true;
  });
  uint64_t newest = 0;
  size_t opened = 0;
  while (!done || opened == 0) {
    auto reader = try_open(place_->open());
    EXPECT_TRUE(reader.is_ok()) << reader.status().to_string();
    if (!reader.is_ok()) break;
    EXPECT_GE((*reader)->snapshot()->version(), newest);
    newest = (*reader)->snapshot()->version();
    ++opened;
  }
  writer.join();
  EXPECT_EQ(open()->snapshot()->domains().size(), 1001u);
}

TEST_P(LiveShards, WritersThatRaceLoseNothingAndLeaveNothing) {
  add_tenants(*open(), 0, 400);
  std::vector<std::thread> writers;
  for (size_t writer = 0; writer < 2; ++writer) {
    writers.emplace_back([&, writer] {
      auto live = open();
      for (size_t i = 0; i < 20; ++i) add_tenants(*live, 1000 * (1 + writer) + i, 1);
    });
  }
  for (std::thread& writer : writers) writer.join();
  const auto keyring = open()->snapshot();
  EXPECT_EQ(keyring->domains().size(), 441u);
  EXPECT_EQ(place_->shard_count(), keyring->shards().size());
}

// Twenty thousand, so that the suite stays quick; bench/micro has a hundred thousand.
TEST_P(LiveShards, ManyTenantsAreAddedRotatedAndFound) {
  constexpr size_t kTenants = 20'000;
  auto live = open();
  add_tenants(*live, 0, kTenants);
  rotate(*live, 77);
  auto other = open();
  const auto keyring = other->snapshot();
  ASSERT_EQ(keyring->domains().size(), kTenants + 1);
  for (size_t i = 0; i < kTenants; i += 97) {
    const Domain* domain = keyring->find_domain(tenant(i));
    ASSERT_NE(domain, nullptr);
    ASSERT_EQ(keyring->find_key(domain->active()->id).domain, domain);
  }
  EXPECT_EQ(keyring->find_domain(tenant(77))->keys.size(), 2u);
}

// A machine that stops at any instant of a save that splits.
class ShardCrash : public LiveShards {};
INSTANTIATE_TEST_SUITE_P(Directory, ShardCrash, testing::Values(true));

TEST_P(ShardCrash, OldOrNewIsThereAndWhatACrashLeftGoesWithTheNextSave) {
  auto& disk = static_cast<DirectoryPlace&>(*place_).disk();
  auto live = open();
  add_tenants(*live, 0, 200);
  size_t least = 201, most = 201, images = 0, found_new = 0, orphans = 0;
  bool examining = false;
  const auto examine = [&] {
    if (std::exchange(examining, true)) return;
    for (uint64_t seed = 0; seed < 9; ++seed) {
      const CrashKind kind = seed == 0 ? CrashKind::kDropped : seed % 2 == 0 ? CrashKind::kTorn : CrashKind::kReordered;
      const auto image = disk.crash_image(kind, seed);
      auto found = try_open(open_file_keyring_store(*image, "/"));
      ASSERT_TRUE(found.is_ok()) << "change " << disk.change_count() << ": " << found.status().to_string();
      const size_t domains = (*found)->snapshot()->domains().size();
      ASSERT_TRUE(domains == least || domains == most) << domains;
      ++images;
      found_new += domains == most && least != most;
      const auto named = [&] {
        const size_t shards = (*found)->snapshot()->shards().size();
        return shards == 1 ? 0 : shards;
      };
      orphans += list_shard_files(*image, "/").size() > named();
      if (seed % 4 != 1) continue;
      ASSERT_TRUE((*found)->update([](Keyring& k) { return k.rotate_domain(kSystemDomain, 5); }).is_ok());
      ASSERT_EQ(list_shard_files(*image, "/").size(), named());
      ASSERT_TRUE(try_open(open_file_keyring_store(*image, "/")).is_ok());
    }
    examining = false;
  };
  disk.set_observer(examine);
  for (size_t added : {100, 1, 350}) {
    most = least + added;
    add_tenants(*live, least - 1, added);
    least = most;
    examine();
  }
  disk.set_observer({});
  EXPECT_GT(live->snapshot()->shards().size(), 2u);
  EXPECT_GT(images, 300u);
  EXPECT_GT(found_new, 20u);
  EXPECT_GT(orphans, 50u);
}

TEST_P(ShardCrash, AFailingDiskLeavesOldOrNewAndNothingBehind) {
  const auto add = [](Keyring& keyring) {
    for (size_t i = 0; i < 300; ++i) COFFER_TRY(keyring.add_domain(tenant(i), 2));
    return Status::ok();
  };
  size_t failed = 0, left = 0;
  for (const bool for_good : {false, true}) {
    for (uint64_t operation = 1;; ++operation) {
      SCOPED_TRACE("operation " + std::to_string(operation));
      SetUp();
      MemoryDisk& memory = static_cast<DirectoryPlace&>(*place_).disk();
      FaultDisk disk(memory);
      auto live = try_open(open_file_keyring_store(disk, "/"));
      ASSERT_TRUE(live.is_ok());
      disk.arm({operation, for_good, true, Code::kNoSpace});
      const Status saved = (*live)->update(add);
      const bool injected = disk.fault_count() > 0;
      auto found = open();
      const size_t domains = found->snapshot()->domains().size();
      EXPECT_TRUE(domains == 301 || (domains == 1 && !saved.is_ok())) << saved.to_string();
      failed += !saved.is_ok();
      left += domains == 1 && place_->shard_count() > 0;
      ASSERT_TRUE(found->update([](Keyring& keyring) { return keyring.rotate_domain(kSystemDomain, 5); }).is_ok());
      const size_t shards = found->snapshot()->shards().size();
      EXPECT_EQ(place_->shard_count(), shards == 1 ? 0 : shards);
      if (!injected) break;
    }
  }
  EXPECT_GT(failed, 30u);
  EXPECT_GT(left, 0u) << "where the disk fails for good, what was written stays until the next save";
}

TEST_P(ShardCrash, ALinkInThePlaceOfTheShardsDirectoryIsNotFollowed) {
  const std::string coffer = directory_ / "c", elsewhere = directory_ / "elsewhere";
  ASSERT_TRUE(Disk::posix().make_directory(coffer, 0700).is_ok());
  ASSERT_TRUE(Disk::posix().make_directory(elsewhere, 0700).is_ok());
  const std::string victim = elsewhere + "/" + std::string(64, 'a');
  ASSERT_TRUE(create_file(Disk::posix(), victim, as_bytes("precious"), 0600).is_ok());
  ASSERT_EQ(symlink(elsewhere.c_str(), (coffer + "/keyring.d").c_str()), 0);
  auto store = open_file_keyring_store(Disk::posix(), coffer);
  ASSERT_TRUE(store->save(place_->read(), 0).is_ok());
  auto live = try_open(std::move(store));
  ASSERT_TRUE(live.is_ok()) << live.status().to_string();
  const Status refused = (*live)->update([](Keyring& keyring) {
    for (size_t i = 0; i < 400; ++i) COFFER_TRY(keyring.add_domain(tenant(i), 2));
    return Status::ok();
  });
  EXPECT_EQ(refused.code(), Code::kInvalidArgument) << refused.to_string();
  EXPECT_THAT(refused.to_string(), HasSubstr("symbolic link"));
  EXPECT_EQ((*live)->snapshot()->version(), 1u);
  EXPECT_EQ(Disk::posix().list(elsewhere)->size(), 1u) << "nothing was made there, or removed";
}

}  // namespace
}  // namespace coffer
