// The two adapters over roots that do not keep their word, and the encoding of handles.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coffer/crypto/random.h"
#include "coffer/keys/keyring.h"
#include "coffer/providers/fetched_root.h"
#include "coffer/providers/service_root.h"
#include "support/message_of.h"

namespace coffer {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// "Wraps" by keeping what it was given; answers what a test tells it to.
class LyingService final : public ServiceRoot {
 public:
  struct Lies {
    KeyFields name{"k1"};
    Result<Bytes> wrapped = Bytes(80, 1);
    std::optional<Status> refusal;
    size_t flipped_byte = SIZE_MAX;
    int decryptions = 0;
  };
  explicit LyingService(Lies& lies) : lies_(lies) {}

  Result<KeyFields> current() override { return lies_.name; }
  Result<Bytes> encrypt(const KeyFields&, const WrapContext&, const SecretBytes& plaintext) override {
    kept_ = plaintext.clone();
    if (!lies_.wrapped.is_ok()) return lies_.wrapped.status();
    return *lies_.wrapped;
  }
  Result<SecretBytes> decrypt(const KeyFields&, const WrapContext&, ByteView) override {
    ++lies_.decryptions;
    if (lies_.refusal.has_value()) return {lies_.refusal->code(), std::string(lies_.refusal->message())};
    SecretBytes out = kept_.clone();
    if (lies_.flipped_byte < out.size()) out.reveal_mutable()[lies_.flipped_byte] ^= 1;
    return out;
  }
  std::string uri() const override { return "double:k"; }
  std::string describe() const override { return "double k"; }
  std::optional<std::string> describe(const KeyFields& key) const override {
    if (key.size() != 1 || !key[0].starts_with('k')) return std::nullopt;
    return "key " + key[0];
  }

 private:
  Status check_within(const KeyFields&) const override { return Status::ok(); }

  Lies& lies_;
  SecretBytes kept_;
};

class ServiceAdapter : public testing::Test {
 protected:
  Result<WrappedKeyringKey> wrap() {
    auto handle = provider_->current();
    return handle.is_ok() ? provider_->wrap(*handle, context_, key_) : Result<WrappedKeyringKey>(handle.status());
  }

  LyingService::Lies lies_;
  const std::unique_ptr<RootKeyProvider> provider_ = make_provider("double", std::make_unique<LyingService>(lies_));
  const WrapContext context_{random_id().value(), random_id().value()};
  const KeyringKey key_ = random_key<KeyringRole>(kKeyringKeySize).value();
};

TEST_F(ServiceAdapter, AnHonestServiceIsAskedToOpenWhatItWrapped) {
  EXPECT_TRUE(wrap().is_ok());
  EXPECT_EQ(lies_.decryptions, 1);
}

TEST_F(ServiceAdapter, EveryByteOfWhatComesBackIsCompared) {
  for (size_t byte = 0; byte < kServicePlaintextSize; ++byte) {
    lies_.flipped_byte = byte;
    const Status status = wrap().status();
    EXPECT_EQ(status.code(), Code::kTampered) << byte;
    EXPECT_THAT(message_of(status), AllOf(HasSubstr("double k: the slot wants key k1"), HasSubstr("it is not used")));
  }
}

TEST_F(ServiceAdapter, WhatTheServiceDoesNotOpenAgainIsRefusedWithItsReason) {
  lies_.refusal = does_not_open("tag mismatch");
  EXPECT_EQ(wrap().code(), Code::kTampered);
  EXPECT_THAT(message_of(wrap().status()), HasSubstr("tag mismatch"));
  for (const Code code : {Code::kPermissionDenied, Code::kProviderUnavailable, Code::kKeyUnavailable}) {
    lies_.refusal = Status(code, "no");
    EXPECT_EQ(wrap().code(), code);
  }
}

TEST_F(ServiceAdapter, WhoIsRefusedIsToldWhatToCorrect) {
  lies_.refusal = Status(Code::kPermissionDenied, "the service said no");
  EXPECT_THAT(message_of(wrap().status()), HasSubstr("the service said no; correct the credential"));
  lies_.refusal = Status(Code::kPermissionDenied, "no; ask the owner");
  EXPECT_THAT(message_of(wrap().status()), testing::EndsWith("no; ask the owner"));
}

TEST_F(ServiceAdapter, WrappingsThatFitIntoNoSlotAreRefused) {
  for (const auto& [size, code] :
       {std::pair{size_t{0}, Code::kTampered}, std::pair{kWrappedKeyringKeySizeMax + 1, Code::kLimitExceeded}}) {
    lies_.wrapped = Bytes(size);
    EXPECT_EQ(wrap().code(), code) << size;
    EXPECT_EQ(provider_->unwrap(provider_->current().value(), context_, {2, Bytes(size)}).code(), Code::kTampered);
  }
  EXPECT_EQ(lies_.decryptions, 0);
}

TEST_F(ServiceAdapter, AKeyThatIsNamedAsNoneIsNoKey) {
  lies_.name = {"x"};
  EXPECT_EQ(provider_->current().code(), Code::kTampered);
  lies_.name = {"k" + std::string(kRootKeyHandleSizeMax, 'k')};
  EXPECT_EQ(provider_->current().code(), Code::kLimitExceeded);
}

TEST_F(ServiceAdapter, WhatIsNotFoundIsUnavailableOnlyForASlot) {
  const RootKeyHandle handle = provider_->current().value();
  lies_.wrapped = Status(Code::kNotFound, "there is no such key");
  const Status status = provider_->wrap(handle, context_, key_).status();
  EXPECT_EQ(status.code(), Code::kKeyUnavailable);
  EXPECT_EQ(message_of(status), "double k: the slot wants key k1: there is no such key");
}

TEST(Handle, IsSchemeAndFields) {
  const auto handle = encode_handle("ab", {"x", "", std::string(2, '\0')});
  ASSERT_TRUE(handle.is_ok());
  EXPECT_EQ(handle->bytes, (Bytes{2, 'a', 'b', 1, 0, 'x', 0, 0, 2, 0, 0, 0}));
  EXPECT_EQ(decode_handle("ab", *handle), (KeyFields{"x", "", std::string(2, '\0')}));
  EXPECT_EQ(decode_handle("ac", *handle), std::nullopt);
}

TEST(Handle, CutsAndStrangeSchemesAreNone) {
  const RootKeyHandle handle = encode_handle("ab", {"field", "other"}).value();
  for (size_t size = 0; size < handle.bytes.size(); ++size) {
    const RootKeyHandle cut{Bytes(handle.bytes.begin(), handle.bytes.begin() + static_cast<ptrdiff_t>(size))};
    const bool between_fields = size == 3 || size == 10;
    EXPECT_EQ(decode_handle("ab", cut).has_value(), between_fields) << size;
  }
  EXPECT_EQ(decode_handle("A!", RootKeyHandle{Bytes{2, 'A', '!'}}), std::nullopt);
  EXPECT_EQ(decode_handle("", RootKeyHandle{Bytes{0}}), std::nullopt);
}

TEST(Handle, HasAtMost512Bytes) {
  EXPECT_TRUE(encode_handle("ab", {std::string(507, 'x')}).is_ok());
  EXPECT_EQ(encode_handle("ab", {std::string(508, 'x')}).code(), Code::kLimitExceeded);
}

}  // namespace
}  // namespace coffer
