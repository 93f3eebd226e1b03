// What every KeyringStore owes, in files as in etcd: a suite that each place of keyrings instantiates with itself.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "keys/fixtures.h"
#include "keys/keyring_history.h"
#include "coffer/keys/move_record.h"
#include "support/comes.h"

namespace coffer {

inline SealedShard shard_filled(uint8_t fill, size_t size) {
  SealedShard out;
  out.bytes.assign(size, fill);
  out.name = sha256(out.bytes).value();
  return out;
}

inline ShardEntry entry_of(const SealedShard& shard) {
  ShardEntry out;
  out.name = shard.name;
  out.size = static_cast<uint32_t>(shard.bytes.size());
  return out;
}

// One empty place, of a test of its own.
class ContractPlace {
 public:
  virtual ~ContractPlace() = default;
  // As one more program sees it.
  virtual std::unique_ptr<KeyringStore> open() = 0;
  // Behind everybody's back; empty: nothing stands there any more.
  virtual void put(ByteView stored) = 0;
};

// Parameter: how a place is made.
class KeyringStoreContract : public testing::TestWithParam<std::function<std::unique_ptr<ContractPlace>()>> {
 protected:
  void SetUp() override {
    place_ = GetParam()();
    ASSERT_NE(place_, nullptr);
    store_ = place_->open();
  }
  std::unique_ptr<KeyringStore> open() { return place_->open(); }
  Bytes gone() const {
    const Keyring keyring = KeyringCodec::open(store_->load()->sealed, history_key()).value();
    return gone_record(keyring, {keyring.version() + 1, Sha256{}}).value();
  }

  std::unique_ptr<ContractPlace> place_;
  KeyringHistory history_;
  std::unique_ptr<KeyringStore> store_;
};

TEST_P(KeyringStoreContract, WhatIsSavedIsLoadedByOthers) {
  EXPECT_EQ(store_->load().code(), Code::kNotFound);
  ASSERT_TRUE(store_->save(history_.sealed(1), 0, "one\n").is_ok());
  ASSERT_TRUE(store_->save(history_.sealed(2), 1, "two\n").is_ok());
  const auto other = open();
  const auto loaded = other->load();
  ASSERT_TRUE(loaded.is_ok()) << loaded.status().to_string();
  EXPECT_EQ(loaded->header.version, 2u);
  EXPECT_EQ(loaded->sealed, history_.sealed(2));
  EXPECT_EQ(as_text(other->load_audit_log().value()), "one\ntwo\n");
}

TEST_P(KeyringStoreContract, TheExpectedVersionMustStandThere) {
  EXPECT_EQ(store_->save(history_.sealed(2), 1).code(), Code::kConflict) << "there is none";
  ASSERT_TRUE(store_->save(history_.sealed(1), 0).is_ok());
  EXPECT_EQ(store_->save(history_.sealed(1), 0).code(), Code::kConflict) << "there is one";
  ASSERT_TRUE(store_->save(history_.sealed(2), 1).is_ok());
  const Status late = store_->save(history_.another(2), 1);
  EXPECT_EQ(late.code(), Code::kConflict);
  EXPECT_THAT(std::string(late.message()), testing::HasSubstr("version 2"));
  EXPECT_EQ(store_->load()->sealed, history_.sealed(2));
}

TEST_P(KeyringStoreContract, OnlyTheNextVersionOfTheSameCofferIsSaved) {
  ASSERT_TRUE(store_->save(history_.sealed(1), 0).is_ok());
  EXPECT_EQ(store_->save(history_.sealed(3), 1).code(), Code::kInvalidArgument);
  EXPECT_EQ(store_->save(history_.sealed(1), 1).code(), Code::kInvalidArgument);
  EXPECT_EQ(store_->save(as_bytes("no keyring"), 1).code(), Code::kInternal);
  KeyringHistory stranger(0xdd);
  EXPECT_EQ(store_->save(stranger.sealed(2), 1).code(), Code::kInvalidArgument);
  EXPECT_EQ(store_->load()->sealed, history_.sealed(1));
}

TEST_P(KeyringStoreContract, OfManyWritersEachVersionHasOneAndNoChangeIsLost) {
  constexpr int kThreads = 3, kEach = 4;
  ASSERT_TRUE(store_->save(history_.sealed(1), 0).is_ok());
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([this, i] {
      const auto mine = open();
      for (int n = 0; n < kEach; ++n) {
        const std::string path = "/" + std::to_string(i) + "/" + std::to_string(n);
        const auto saved =
            update_keyring(*mine, [&](Keyring& keyring) { return keyring.add_store(path, 1).status(); });
        EXPECT_TRUE(saved.is_ok()) << saved.status().to_string();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto loaded = store_->load();
  ASSERT_TRUE(loaded.is_ok());
  EXPECT_EQ(loaded->header.version, 1u + kThreads * kEach);
  EXPECT_EQ(KeyringCodec::open(loaded->sealed, history_key())->stores().size(), size_t{kThreads * kEach});
}

TEST_P(KeyringStoreContract, ShardsComeBeforeAndGoAfter) {
  // More than fits into one request to etcd.
  std::vector<SealedShard> first;
  for (uint8_t i = 0; i < 5; ++i) first.push_back(shard_filled(i, 500'000));
  std::vector<Sha256> named;
  for (const SealedShard& shard : first) named.push_back(shard.name);
  ASSERT_TRUE(store_->save(history_.sealed(1), 0, "one\n", {first, named}).is_ok());
  const auto other = open();
  for (const SealedShard& shard : first) EXPECT_TRUE(other->load_shard(entry_of(shard)).value() == shard.bytes);
  const std::vector<SealedShard> second = {shard_filled(9, 1000)};
  const std::vector<Sha256> then = {second[0].name, named[4]};
  ASSERT_TRUE(other->save(history_.sealed(2), 1, "two\n", {second, then}).is_ok());
  EXPECT_TRUE(store_->load_shard(entry_of(second[0])).value() == second[0].bytes);
  EXPECT_TRUE(store_->load_shard(entry_of(first[4])).value() == first[4].bytes);
  EXPECT_EQ(store_->load_shard(entry_of(first[0])).code(), Code::kNotFound);
  EXPECT_EQ(store_->load_shard(entry_of(first[1])).code(), Code::kNotFound);
}

TEST_P(KeyringStoreContract, ChangesAreNoticedUntilLoaded) {
  EXPECT_TRUE(store_->may_have_changed()) << "nothing was loaded yet";
  ASSERT_TRUE(store_->save(history_.sealed(1), 0).is_ok());
  ASSERT_TRUE(store_->load().is_ok());
  EXPECT_FALSE(store_->may_have_changed());
  const auto other = open();
  for (uint64_t version = 2; version < 5; ++version) {
    ASSERT_TRUE(other->save(history_.sealed(version), version - 1).is_ok());
    EXPECT_TRUE(comes([&] { return store_->may_have_changed(); }));
    EXPECT_TRUE(store_->may_have_changed()) << "until it is loaded";
    ASSERT_TRUE(store_->load().is_ok());
    EXPECT_FALSE(store_->may_have_changed());
  }
  place_->put({});
  EXPECT_TRUE(comes([&] { return store_->may_have_changed(); }));
  EXPECT_EQ(store_->load().code(), Code::kNotFound);
}

TEST_P(KeyringStoreContract, NodeSlotsStandBesideUntilOthersDo) {
  EXPECT_EQ(store_->load_node_slots("aa.00").code(), Code::kNotFound);
  ASSERT_TRUE(store_->keep_node_slots("aa.").is_ok()) << "none yet";
  ASSERT_TRUE(store_->save(history_.sealed(1), 0).is_ok());
  std::vector<NodeSlotValue> values;  // more than fit into one request to etcd
  for (int i = 10; i < 70; ++i) values.push_back({"aa." + std::to_string(i), Bytes(30'000, static_cast<uint8_t>(i))});
  ASSERT_TRUE(store_->save_node_slots(values).is_ok());
  const NodeSlotValue another{"bb.10", Bytes(3, 1)};
  ASSERT_TRUE(open()->save_node_slots({&another, 1}).is_ok());
  const NodeSlotValue again{"aa.69", Bytes(kNodeSlotValueSizeMax, 2)};
  ASSERT_TRUE(store_->save_node_slots({&again, 1}).is_ok());
  EXPECT_TRUE(open()->load_node_slots("aa.10").value() == values[0].value);
  EXPECT_TRUE(open()->load_node_slots("aa.69").value() == again.value);
  ASSERT_TRUE(open()->keep_node_slots("bb.").is_ok());
  EXPECT_EQ(store_->load_node_slots("aa.10").code(), Code::kNotFound);
  EXPECT_EQ(store_->load_node_slots("bb.10").value(), another.value);
  EXPECT_EQ(store_->load()->header.version, 1u);
  ASSERT_TRUE(store_->exchange(gone(), history_.sealed(1)).is_ok());
  ASSERT_TRUE(store_->remove_parts().is_ok());
  EXPECT_EQ(store_->load_node_slots("bb.10").code(), Code::kNotFound) << "they go with a keyring that moves";
}

TEST_P(KeyringStoreContract, WhatIsNoKeyringIsReportedAndNeverReplaced) {
  ASSERT_TRUE(store_->save(history_.sealed(1), 0).is_ok());
  Bytes damaged = history_.sealed(1);
  damaged[damaged.size() / 2] ^= 1;
  place_->put(damaged);
  const auto loaded = store_->load();
  EXPECT_EQ(loaded.code(), Code::kDamaged);
  EXPECT_THAT(std::string(loaded.status().message()), testing::HasSubstr(store_->name()));
  EXPECT_EQ(store_->save(history_.sealed(2), 1).code(), Code::kDamaged);
  place_->put(as_bytes("something else entirely"));
  EXPECT_EQ(store_->load().code(), Code::kPlaintext);
  EXPECT_EQ(store_->save(history_.sealed(1), 0).code(), Code::kPlaintext);
}

TEST_P(KeyringStoreContract, WhereAKeyringIsGoneOrArrivesNobodyLoadsOrSaves) {
  ASSERT_TRUE(store_->save(history_.sealed(1), 0).is_ok());
  const Bytes gone_now = gone();
  for (const Bytes& record : {gone_now, arriving_record(history_.sealed(2), "two\n").value()}) {
    place_->put(record);
    EXPECT_EQ(store_->load().code(), Code::kForeign);
    EXPECT_EQ(store_->save(history_.sealed(2), 1).code(), Code::kForeign);
    EXPECT_EQ(store_->save(history_.sealed(1), 0).code(), Code::kForeign);
    EXPECT_EQ(store_->load_stored().value(), record);
  }
}

TEST_P(KeyringStoreContract, OnlyWhatIsExpectedIsExchanged) {
  EXPECT_TRUE(store_->is_empty().value());
  EXPECT_EQ(store_->load_stored().value(), Bytes());
  const Bytes arriving = arriving_record(history_.sealed(2), "two\n").value();
  EXPECT_EQ(store_->exchange(arriving, history_.sealed(1)).code(), Code::kConflict) << "nothing is there";
  ASSERT_TRUE(store_->exchange(arriving, {}).is_ok());
  EXPECT_FALSE(store_->is_empty().value());
  EXPECT_EQ(store_->exchange(arriving, {}).code(), Code::kConflict) << "something is there";
  EXPECT_EQ(open()->exchange(history_.sealed(1), history_.sealed(2)).code(), Code::kConflict);
  ASSERT_TRUE(open()->exchange(history_.sealed(2), arriving).is_ok());
  EXPECT_EQ(store_->load()->sealed, history_.sealed(2));
}

TEST_P(KeyringStoreContract, OfAnAuditLogTheBeginningIsCutAndNothingElse) {
  EXPECT_EQ(store_->audit_log_size().value().bytes, 0u);
  ASSERT_TRUE(store_->save(history_.sealed(1), 0, "one\n").is_ok());
  ASSERT_TRUE(store_->save(history_.sealed(2), 1, "two\n").is_ok());
  ASSERT_TRUE(store_->save(history_.sealed(3), 2, "three\n").is_ok());
  ASSERT_TRUE(store_->load().is_ok());
  EXPECT_EQ(store_->audit_log_size().value().bytes, 14u);
  for (const std::string_view other : {"onx\n", "two\n", "one\ntwo\nthree\nfour\n"}) {
    EXPECT_EQ(store_->cut_audit_log(as_bytes(other)).code(), Code::kConflict) << other;
  }
  ASSERT_TRUE(store_->cut_audit_log(as_bytes("one\ntwo\n")).is_ok());
  EXPECT_EQ(as_text(open()->load_audit_log().value()), "three\n");
  const auto other = open();
  ASSERT_TRUE(other->save(history_.sealed(4), 3, "four\n").is_ok());
  ASSERT_TRUE(other->load().is_ok());
  EXPECT_EQ(other->audit_log_size().value().bytes, 11u);
  EXPECT_EQ(as_text(store_->load_audit_log().value()), "three\nfour\n");
}

TEST_P(KeyringStoreContract, PartsComeAndGoWhileNoKeyringStandsThere) {
  const SealedShard shard = shard_filled(3, 100'000);
  std::string log;  // of many pieces
  while (log.size() < 700'000) log += "line " + std::to_string(log.size()) + "\n";
  ASSERT_TRUE(store_->put_shard(shard).is_ok());
  EXPECT_FALSE(store_->is_empty().value());
  ASSERT_TRUE(store_->put_shard(shard).is_ok()) << "once more";
  ASSERT_TRUE(store_->put_audit_log(as_bytes(log)).is_ok());
  log.resize(log.find('\n', 300'000) + 1);
  ASSERT_TRUE(store_->put_audit_log(as_bytes(log)).is_ok()) << "a shorter one";
  EXPECT_TRUE(as_text(store_->load_audit_log().value()) == log);
  ASSERT_TRUE(store_->exchange(history_.sealed(1), {}).is_ok());
  ASSERT_TRUE(open()->save(history_.sealed(2), 1, "last\n", {{}, {&shard.name, 1}}).is_ok());
  EXPECT_TRUE(as_text(store_->load_audit_log().value()) == log + "last\n");
  EXPECT_TRUE(store_->load_shard(entry_of(shard)).value() == shard.bytes);
  EXPECT_EQ(store_->put_shard(shard).code(), Code::kConflict);
  EXPECT_EQ(store_->put_audit_log(as_bytes(log)).code(), Code::kConflict);
  EXPECT_EQ(store_->remove_parts().code(), Code::kConflict);
  ASSERT_TRUE(store_->exchange(gone(), history_.sealed(2)).is_ok());
  ASSERT_TRUE(store_->remove_parts().is_ok());
  ASSERT_TRUE(store_->remove_parts().is_ok()) << "again";
  EXPECT_EQ(store_->load_audit_log().value(), Bytes());
  EXPECT_EQ(store_->load_shard(entry_of(shard)).code(), Code::kNotFound);
}

}  // namespace coffer
