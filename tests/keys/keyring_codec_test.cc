// The sealed keyring: what comes back is what went in, or an error that says what is wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coffer/base/codec.h"
#include "coffer/base/crc32c.h"
#include "keys/fixtures.h"

namespace coffer {
namespace {

using testing::AnyOf;

Bytes seal_varied() {
  std::array<KeyringSlot, 2> slots = {slot_of(1), slot_of(2)};
  return KeyringCodec::seal(varied_keyring(), slots, keyring_key_of(5)).value();
}

// As somebody would who alters a keyring on purpose.
Bytes with_checksum(Bytes sealed) {
  store_le32(sealed.data() + sealed.size() - 4, crc32c(ByteView(sealed).first(sealed.size() - 4)));
  return sealed;
}

Bytes flip(Bytes sealed, size_t bit) {
  sealed[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
  return sealed;
}

TEST(KeyringCodec, WhatIsSealedOpensToTheSame) {
  Keyring keyring = varied_keyring();
  std::array<KeyringSlot, 2> slots = {slot_of(1), slot_of(2)};
  auto sealed = KeyringCodec::seal(keyring, slots, keyring_key_of(5));
  ASSERT_TRUE(sealed.is_ok()) << sealed.status().to_string();
  auto opened = KeyringCodec::open(*sealed, keyring_key_of(5));
  ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
  expect_equal(keyring, *opened);
  EXPECT_NE(opened->find_key(keyring.domains()[1].keys[2].id).entry, nullptr);

  auto header = KeyringCodec::read_header(*sealed);
  ASSERT_TRUE(header.is_ok());
  EXPECT_EQ(header->coffer_id, keyring.coffer_id());
  EXPECT_EQ(header->version, 1u);
  ASSERT_EQ(header->slots.size(), 2u);
  EXPECT_EQ(header->slots[1].id, slots[1].id);
  EXPECT_EQ(header->slots[1].created, slots[1].created);
  EXPECT_EQ(header->slots[1].root, slots[1].root);
  EXPECT_EQ(header->slots[1].handle, slots[1].handle);
  EXPECT_EQ(header->slots[1].wrapped.algorithm, 1);
  EXPECT_EQ(header->slots[1].wrapped.bytes, slots[1].wrapped.bytes);
}

TEST(KeyringCodec, NoSecretStandsInTheSealedBytes) {
  Keyring keyring = varied_keyring();
  KeyringSlot slot = slot_of(1);
  Bytes sealed = KeyringCodec::seal(keyring, std::span(&slot, 1), keyring_key_of(5)).value();
  for (const Domain& domain : keyring.domains()) {
    EXPECT_EQ(as_text(sealed).find(domain.name), std::string_view::npos) << "names of domains are sealed too";
    for (const DomainKeyEntry& key : domain.keys) {
      if (key.key.empty()) continue;
      EXPECT_EQ(as_text(sealed).find(as_text(key.key.open()->reveal())), std::string_view::npos);
    }
  }
}

TEST(KeyringCodec, EverySealingDiffers) { EXPECT_NE(seal_varied(), seal_varied()); }

TEST(KeyringCodec, AnotherKeyringKeyIsTheWrongKey) {
  Bytes sealed = seal_varied();
  EXPECT_EQ(KeyringCodec::open(sealed, keyring_key_of(6)).code(), Code::kWrongKey);
  EXPECT_EQ(KeyringCodec::open(sealed, KeyringKey::copy_of(Bytes(31, 5))).code(), Code::kInvalidArgument);
}

TEST(KeyringCodec, EveryFlippedBitIsDamage) {
  const Bytes sealed = seal_varied();
  for (size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    Bytes flipped = flip(sealed, bit);
    Code code = KeyringCodec::open(flipped, keyring_key_of(5)).code();
    ASSERT_EQ(KeyringCodec::read_header(flipped).code(), code);
    if (bit < 8 * 8) {
      ASSERT_EQ(code, Code::kPlaintext) << "bit " << bit;
    } else {
      // A size that grew cannot be told from an end that is missing.
      ASSERT_THAT(code, AnyOf(Code::kDamaged, Code::kTruncated)) << "bit " << bit;
    }
  }
}

TEST(KeyringCodec, EveryCutIsTruncation) {
  const Bytes sealed = seal_varied();
  for (size_t size = 0; size < sealed.size(); ++size) {
    ASSERT_EQ(KeyringCodec::open(ByteView(sealed).first(size), keyring_key_of(5)).code(), Code::kTruncated) << size;
  }
}

TEST(KeyringCodec, WhatIsAddedAtTheEndIsDamage) {
  Bytes sealed = seal_varied();
  sealed.push_back(0);
  EXPECT_EQ(KeyringCodec::open(sealed, keyring_key_of(5)).code(), Code::kDamaged);
  EXPECT_EQ(KeyringCodec::open(with_checksum(sealed), keyring_key_of(5)).code(), Code::kTampered);
}

TEST(KeyringCodec, EveryBitAlteredOnPurposeIsRefusedAsSuch) {
  const Bytes sealed = seal_varied();
  for (size_t bit = 8 * 8; bit < (sealed.size() - 4) * 8; ++bit) {
    Code code = KeyringCodec::open(with_checksum(flip(sealed, bit)), keyring_key_of(5)).code();
    const size_t byte = bit / 8;
    if (byte < 10) {
      ASSERT_EQ(code, Code::kUnsupported) << "format version, bit " << bit;
    } else if (byte < 16 || byte >= 104) {
      ASSERT_EQ(code, Code::kTampered) << "sizes, slots and body, bit " << bit;
    } else {
      // Coffer id, version, salt and commitment lead to another key: it cannot be told which of the two is wrong.
      ASSERT_THAT(code, AnyOf(Code::kWrongKey, Code::kTampered)) << "bit " << bit;
    }
  }
}

TEST(KeyringCodec, OtherFilesAreNotKeyrings) {
  for (std::string_view text : {"SQLite format 3", "COFFER\r\n", "COFFKEYS", "c"}) {
    EXPECT_EQ(KeyringCodec::read_header(as_bytes(text)).code(), Code::kPlaintext) << text;
  }
  EXPECT_EQ(KeyringCodec::read_header({}).code(), Code::kTruncated);
  EXPECT_EQ(KeyringCodec::read_header(as_bytes("COFFK")).code(), Code::kTruncated);
}

TEST(KeyringCodec, AKeyringHasOneToSixteenSlots) {
  Keyring keyring = varied_keyring();
  std::vector<KeyringSlot> slots;
  EXPECT_EQ(KeyringCodec::seal(keyring, slots, keyring_key_of(5)).code(), Code::kInvalidArgument);
  for (uint8_t i = 1; i <= 16; ++i) slots.push_back(slot_of(i));
  auto sealed = KeyringCodec::seal(keyring, slots, keyring_key_of(5));
  ASSERT_TRUE(sealed.is_ok());
  EXPECT_EQ(KeyringCodec::read_header(*sealed)->slots.size(), 16u);
  slots.push_back(slot_of(17));
  EXPECT_EQ(KeyringCodec::seal(keyring, slots, keyring_key_of(5)).code(), Code::kInvalidArgument);
}

struct SlotCase {
  const char* name;
  void (*change)(KeyringSlot&);
  bool good;
};

TEST(KeyringCodec, SlotsStayWithinTheirLimits) {
  const SlotCase cases[] = {
      {"longest name", [](KeyringSlot& s) { s.root.assign(64, 'u'); }, true},
      {"too long a name", [](KeyringSlot& s) { s.root.assign(65, 'u'); }, false},
      {"no name", [](KeyringSlot& s) { s.root.clear(); }, false},
      {"a name with an escape sequence", [](KeyringSlot& s) { s.root = "root\x1b[2J"; }, false},
      {"a URI for a name", [](KeyringSlot& s) { s.root = "file:///etc/coffer/root.key"; }, false},
      {"longest handle", [](KeyringSlot& s) { s.handle.bytes.assign(512, 1); }, true},
      {"too long a handle", [](KeyringSlot& s) { s.handle.bytes.assign(513, 1); }, false},
      {"longest wrapped key", [](KeyringSlot& s) { s.wrapped.bytes.assign(2048, 1); }, true},
      {"too long a wrapped key", [](KeyringSlot& s) { s.wrapped.bytes.assign(2049, 1); }, false},
      {"no wrapped key", [](KeyringSlot& s) { s.wrapped.bytes.clear(); }, false},
      {"algorithm 2", [](KeyringSlot& s) { s.wrapped.algorithm = 2; }, true},
      {"algorithm 0", [](KeyringSlot& s) { s.wrapped.algorithm = 0; }, false},
      {"algorithm 3", [](KeyringSlot& s) { s.wrapped.algorithm = 3; }, true},
      {"algorithm 4", [](KeyringSlot& s) { s.wrapped.algorithm = 4; }, false},
      {"another slot's id", [](KeyringSlot& s) { s.id = id_of(1); }, false},
      {"no id", [](KeyringSlot& s) { s.id = Id{}; }, false},
  };
  Keyring keyring = varied_keyring();
  for (const SlotCase& each : cases) {
    std::array<KeyringSlot, 2> slots = {slot_of(1), slot_of(2)};
    each.change(slots[1]);
    auto sealed = KeyringCodec::seal(keyring, slots, keyring_key_of(5));
    EXPECT_EQ(sealed.code(), each.good ? Code::kOk : Code::kInvalidArgument) << each.name;
    EXPECT_TRUE(!each.good || KeyringCodec::open(*sealed, keyring_key_of(5)).is_ok()) << each.name;
  }
}

TEST(KeyringCodec, ASuccessorNamesItsPredecessor) {
  Keyring keyring = varied_keyring();
  KeyringSlot slot = slot_of(1);
  Bytes first = KeyringCodec::seal(keyring, std::span(&slot, 1), keyring_key_of(5)).value();
  ASSERT_TRUE(KeyringCodec::prepare_successor(keyring, first, 2000).is_ok());
  EXPECT_EQ(keyring.version(), 2u);
  EXPECT_EQ(keyring.updated(), 2000u);
  EXPECT_EQ(keyring.ancestors(), std::vector{sha256(first).value()});
  Bytes second = KeyringCodec::seal(keyring, std::span(&slot, 1), keyring_key_of(5)).value();
  EXPECT_EQ(KeyringCodec::open(second, keyring_key_of(5))->ancestors(), std::vector{sha256(first).value()});

  EXPECT_EQ(KeyringCodec::prepare_successor(keyring, first, 3000).code(), Code::kConflict) << "not from version 1";
  EXPECT_EQ(keyring.version(), 2u);
  Keyring stranger = Keyring::create(id_of(0xdd), 1).value();
  EXPECT_EQ(KeyringCodec::prepare_successor(stranger, first, 3000).code(), Code::kConflict);
  EXPECT_EQ(KeyringCodec::prepare_successor(keyring, flip(second, 400), 3000).code(), Code::kDamaged);
}

}  // namespace
}  // namespace coffer
