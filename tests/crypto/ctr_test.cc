#include "coffer/crypto/ctr.h"

#include <gtest/gtest.h>

#include "coffer/crypto/random.h"
#include "support/allocations.h"

namespace coffer {
namespace {

TEST(CtrStream, AnyPieceOfTheStreamIsTheSame) {
  for (Suite suite : {Suite::kAes128Ctr, Suite::kAes192Ctr, Suite::kAes256Ctr}) {
    CtrStream stream = CtrStream::create(suite, random_key<CtrRole>(ctr_key_size(suite)).value()).value();
    Bytes whole(300);
    (void)stream.apply(1000, whole, whole.data());
    for (size_t from = 0; from < 40; ++from) {
      for (size_t size : {0u, 1u, 15u, 16u, 17u, 200u}) {
        Bytes piece(size);
        (void)stream.apply(1000 + from, piece, piece.data());
        EXPECT_TRUE(std::equal(piece.begin(), piece.end(), whole.begin() + static_cast<ptrdiff_t>(from)));
      }
    }
  }
}

TEST(CtrStream, ApplyingTwiceGivesThePlaintextBackAndAllocatesNothing) {
  CtrStream stream = CtrStream::create(Suite::kAes256Ctr, random_key<CtrRole>(44).value()).value();
  Bytes data(5000, 0x61), expected(data);
  (void)stream.apply(7, data, data.data());
  EXPECT_NE(data, expected);
  AllocationCounter counter;
  (void)stream.apply(7, data, data.data());
  EXPECT_EQ(counter.count(), 0u);
  EXPECT_EQ(data, expected);
}

TEST(CtrStream, AKeyOfAnotherSizeOrSuiteIsRefused) {
  EXPECT_EQ(CtrStream::create(Suite::kAes256Ctr, CtrKey(SecretBytes{43})).code(), Code::kInvalidArgument);
  EXPECT_EQ(CtrStream::create(Suite::kAes256Ctr, CtrKey(SecretBytes{32})).code(), Code::kInvalidArgument);
  EXPECT_EQ(CtrStream::create(Suite::kAes128Ctr, CtrKey(SecretBytes{44})).code(), Code::kInvalidArgument);
  EXPECT_EQ(CtrStream::create(Suite::kAes256Gcm, CtrKey(SecretBytes{44})).code(), Code::kInvalidArgument);
  EXPECT_EQ(CtrStream::create(static_cast<Suite>(99), CtrKey(SecretBytes{44})).code(), Code::kInvalidArgument);
}

TEST(Gmac, PiecesGiveTheSameTagAsTheWholeAndAnotherMessageDoesNot) {
  auto key = random_key<Gmac::Role>(Gmac::kKeySize).value();
  Bytes data(1000, 7);
  Gmac whole = Gmac::create(key).value();
  whole.update(data);
  auto tag = whole.finish();
  Gmac pieces = Gmac::create(key).value();
  for (size_t at = 0, size = 0; at < data.size(); at += size, size = (size + 7) % 50) {
    size = std::min(size, data.size() - at);
    pieces.update(ByteView(data).subspan(at, size));
  }
  EXPECT_EQ(pieces.finish(), tag);
  data[500] ^= 1;
  Gmac altered = Gmac::create(key).value();
  altered.update(data);
  EXPECT_NE(altered.finish(), tag);
}

TEST(Gmac, AKeyOfAnotherSizeIsRefused) {
  for (size_t size : {0u, 32u, 43u, 45u}) {
    EXPECT_EQ(Gmac::create(Key<Gmac::Role>(SecretBytes(size))).code(), Code::kInvalidArgument) << size;
  }
}

TEST(CryptoDeathTest, ContractsAreChecked) {
  Bytes data(2);
  EXPECT_DEATH(
      {
        // In the process that dies: there it is a child of this one, and has none of its keys.
        CtrStream stream = CtrStream::create(Suite::kAes256Ctr, random_key<CtrRole>(44).value()).value();
        (void)stream.apply((uint64_t{1} << 40) - 1, data, data.data());
      },
      "required: a key stream has at most 2.40 bytes");
  Gmac gmac = Gmac::create(random_key<Gmac::Role>(Gmac::kKeySize).value()).value();
  (void)gmac.finish();
  EXPECT_DEATH(gmac.update(data), "required: a MAC takes nothing more once it is finished");
  EXPECT_DEATH((void)gmac.finish(), "required: a MAC is finished once");
  EXPECT_DEATH((void)suite_info(static_cast<Suite>(99)), "required: a suite is one of the enumerators");
}

}  // namespace
}  // namespace coffer
