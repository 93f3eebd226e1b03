// The records of a keyring that moves: what is altered or cut is never one.
#include "coffer/keys/move_record.h"

#include <gtest/gtest.h>

#include "coffer/base/codec.h"
#include "coffer/base/crc32c.h"
#include "keys/keyring_history.h"

namespace coffer {
namespace {

// With a checksum that fits again.
Bytes resealed(Bytes record) {
  store_le32(record.data() + record.size() - 4, crc32c(ByteView(record).first(record.size() - 4)));
  return record;
}

class MoveRecordTest : public testing::Test {
 protected:
  KeyringHistory history_;
  const Keyring keyring_ = KeyringCodec::open(history_.sealed(2), history_key()).value();
  const KeyringMark mark_{3, sha256(as_bytes("a keyring")).value()};
};

TEST_F(MoveRecordTest, WhatIsWrittenIsRead) {
  const auto gone = read_move_record(gone_record(keyring_, mark_).value());
  ASSERT_TRUE(gone.is_ok()) << gone.status().to_string();
  EXPECT_TRUE(gone->is_gone());
  EXPECT_EQ(gone->mark, mark_);
  EXPECT_TRUE(check_gone_record(*gone, keyring_).is_ok());
  const auto arriving = read_move_record(arriving_record(history_.sealed(2), "a line\n").value());
  ASSERT_TRUE(arriving.is_ok()) << arriving.status().to_string();
  EXPECT_FALSE(arriving->is_gone());
  EXPECT_EQ(arriving->keyring, history_.sealed(2));
  EXPECT_EQ(arriving->audit_record, "a line\n");
  EXPECT_EQ(arriving->mark.version, 2u);
}

TEST_F(MoveRecordTest, EveryByteThatIsAlteredIsFoundAlsoWhereTheChecksumFits) {
  const Bytes gone = gone_record(keyring_, mark_).value();
  for (size_t at = 0; at < gone.size(); ++at) {
    Bytes altered = gone;
    altered[at] ^= 1;
    EXPECT_FALSE(read_move_record(altered).is_ok()) << at;
    const auto fitting = read_move_record(resealed(altered));
    const bool is_believed = fitting.is_ok() && check_gone_record(*fitting, keyring_).is_ok();
    EXPECT_EQ(is_believed, at >= gone.size() - 4) << at;
  }
}

TEST_F(MoveRecordTest, CutAnywhereItIsNone) {
  for (const Bytes& record : {gone_record(keyring_, mark_).value(), arriving_record(history_.sealed(2), "").value()}) {
    for (size_t size = 0; size < record.size(); ++size) {
      Bytes cut(record.begin(), record.begin() + static_cast<ptrdiff_t>(size));
      EXPECT_FALSE(read_move_record(cut).is_ok()) << size;
      if (size < 12) continue;
      const auto fitting = read_move_record(resealed(cut));
      EXPECT_FALSE(fitting.is_ok()) << size;
    }
  }
}

TEST_F(MoveRecordTest, AnothersIsForeign) {
  KeyringHistory stranger(0xdd);
  const Keyring other = KeyringCodec::open(stranger.sealed(2), history_key()).value();
  const auto record = read_move_record(gone_record(other, mark_).value());
  EXPECT_EQ(check_gone_record(*record, keyring_).code(), Code::kForeign);
}

}  // namespace
}  // namespace coffer
