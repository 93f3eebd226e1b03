#include "coffer/format/ctr.h"

#include "format/sample.h"

namespace coffer {
namespace {

constexpr Suite kCtrSuites[] = {Suite::kAes128Ctr, Suite::kAes192Ctr, Suite::kAes256Ctr};

class EveryCtr : public testing::TestWithParam<Suite> {
 protected:
  Sample sample_{Kind::kCtr, GetParam()};
  CtrBody body_ = CtrBody::create(sample_.file_key, GetParam(), sample_.fields.file_id).value();
};
INSTANTIATE_TEST_SUITE_P(All, EveryCtr, testing::ValuesIn(kCtrSuites));

TEST_P(EveryCtr, AnyPieceIsItsPartOfTheWhole) {
  Bytes plaintext = pattern(10000, 7), sealed(plaintext.size());
  ASSERT_TRUE(body_.apply(0, plaintext, sealed.data()));
  EXPECT_NE(sealed, plaintext);
  for (size_t offset : {0u, 1u, 15u, 16u, 17u, 4095u, 4096u, 9999u, 10000u}) {
    for (size_t size : {0u, 1u, 15u, 16u, 17u, 4096u}) {
      size = std::min(size, plaintext.size() - offset);
      Bytes piece(size);
      ASSERT_TRUE(body_.apply(offset, slice(sealed, offset, size), piece.data()));
      ASSERT_TRUE(std::ranges::equal(piece, slice(plaintext, offset, size))) << offset << "+" << size;
    }
  }
}

TEST_P(EveryCtr, FarOffsetsWork) {
  for (uint64_t offset : {uint64_t{1} << 32, (uint64_t{1} << 36) - 8, uint64_t{1} << 36, kCtrBodySizeMax - 48}) {
    Bytes plaintext = pattern(48, offset), sealed(48), back(48);
    ASSERT_TRUE(body_.apply(offset, plaintext, sealed.data()));
    for (size_t i = 0; i < 48; ++i) ASSERT_TRUE(body_.apply(offset + i, slice(sealed, i, 1), &back[i]));
    EXPECT_EQ(back, plaintext);
  }
}

TEST_P(EveryCtr, StopsAtTheLimit) {
  uint8_t byte = 0;
  EXPECT_TRUE(body_.apply(kCtrBodySizeMax - 1, {&byte, 1}, &byte));
  EXPECT_TRUE(body_.apply(kCtrBodySizeMax, {}, &byte));
  EXPECT_EQ(body_.apply(kCtrBodySizeMax, {&byte, 1}, &byte).code(), Code::kLimitExceeded);
  EXPECT_EQ(body_.apply(UINT64_MAX, {&byte, 1}, &byte).code(), Code::kLimitExceeded);
}

TEST_P(EveryCtr, FilesShareNoKeyStream) {
  Sample other(Kind::kCtr, GetParam());
  CtrBody second = CtrBody::create(sample_.file_key, GetParam(), other.fields.file_id).value();
  CtrBody third = CtrBody::create(other.file_key, GetParam(), sample_.fields.file_id).value();
  Bytes zeros(64), a(64), b(64), c(64);
  ASSERT_TRUE(body_.apply(0, zeros, a.data()));
  ASSERT_TRUE(second.apply(0, zeros, b.data()));
  ASSERT_TRUE(third.apply(0, zeros, c.data()));
  EXPECT_NE(a, b);
  EXPECT_NE(a, c);
  EXPECT_NE(b, c);
}

TEST(Ctr, RefusesASuiteOfAnotherKindAndAKeyOfAnotherSize) {
  Sample sample(Kind::kCtr, Suite::kAes256Ctr);
  EXPECT_EQ(CtrBody::create(sample.file_key, Suite::kAes256Gcm, Id{}).code(), Code::kInvalidArgument);
  EXPECT_EQ(CtrBody::create(sample.file_key, Suite::kAes128Ctr, Id{}).code(), Code::kInvalidArgument);
}

// The MAC is what verify, backup and streaming check.
TEST(Ctr, TheBodyMacDependsOnEveryBitAndOnTheFile) {
  Sample sample(Kind::kCtr, Suite::kAes256Ctr);
  auto mac_of = [&](const Bytes& body) {
    Gmac mac = ctr_body_mac(sample.file_key, sample.fields.file_id).value();
    mac.update(body);
    return mac.finish();
  };
  Bytes body = pattern(100, 3);
  auto good = mac_of(body);
  EXPECT_EQ(mac_of(body), good);
  for (size_t bit = 0; bit < body.size() * 8; ++bit) {
    Bytes flipped = body;
    flipped[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    ASSERT_NE(mac_of(flipped), good);
  }
  for (size_t size = 0; size < body.size(); ++size)
    ASSERT_NE(mac_of(Bytes(body.begin(), body.begin() + static_cast<ptrdiff_t>(size))), good);
  Gmac other = ctr_body_mac(sample.file_key, random_id().value()).value();
  other.update(body);
  EXPECT_NE(other.finish(), good);
}

TEST(Ctr, AClosedBodyKeepsItsSizeAndMacInTheEnvelope) {
  Sample sample(Kind::kCtr, Suite::kAes256Ctr);
  Bytes bytes = sample.envelope();
  EnvelopeScan scan = scan_envelope(bytes).value();
  EXPECT_FALSE(scan.fields.body_sealed);
  Bytes body = pattern(1000, 4);
  Gmac mac = ctr_body_mac(sample.file_key, sample.fields.file_id).value();
  mac.update(body);
  EnvelopeFields closed = scan.fields;
  closed.body_sealed = true;
  closed.body_size = body.size();
  closed.body_mac = mac.finish();
  SlotUpdate update = seal_slot_update(scan, closed, sample.domain_key, sample.file_key).value();
  std::ranges::copy(update.bytes, bytes.begin() + static_cast<ptrdiff_t>(update.offset));
  scan = scan_envelope(bytes).value();
  ASSERT_TRUE(open_envelope(scan, sample.domain_key).is_ok());
  EXPECT_TRUE(scan.fields.body_sealed);
  EXPECT_EQ(scan.fields.body_size, 1000u);
  EXPECT_EQ(scan.fields.body_mac, closed.body_mac);
}

}  // namespace
}  // namespace coffer
