// The PKCS#11 provider when its token misbehaves: a module between it and SoftHSM has faults on demand.
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "coffer/crypto/kdf.h"
#include "coffer/crypto/random.h"
#include "coffer/io/disk.h"
#include "coffer/providers/registry.h"
#include "providers/pkcs11/fault_module.h"
#include "providers/pkcs11/soft_token.h"
#include "support/message_of.h"

namespace coffer {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TokenFaults& token_faults() {
  static TokenFaults* const faults = [] {
    void* module = ::dlopen(COFFER_FAULT_MODULE, RTLD_NOW);
    return reinterpret_cast<decltype(&coffer_token_faults)>(::dlsym(module, "coffer_token_faults"))();
  }();
  return *faults;
}

class Pkcs11Faults : public testing::Test {
 protected:
  Pkcs11Faults() : faults_(token_faults()) {
    token_.generate("k", {1});
    context_.coffer_id = random_id().value();
    context_.slot_id = random_id().value();
    key_ = random_key<KeyringRole>(32).value();
    faults_.clear();
    provider_ = open();
    handle_ = provider_->current().value();
    wrapped_ = provider_->wrap(handle_, context_, key_).value();
    faults_.clear();
  }
  ~Pkcs11Faults() override { faults_.clear(); }

  std::unique_ptr<RootKeyProvider> open(const std::string& options = "") {
    std::string uri = token_.uri("k") + options;
    uri.replace(uri.find(SoftToken::module_path()), SoftToken::module_path().size(), COFFER_FAULT_MODULE);
    return open_provider(uri).value();
  }
  Status unwraps(RootKeyProvider& provider, const RootKeyHandle& handle, const WrappedKeyringKey& wrapped) {
    auto key = provider.unwrap(handle, context_, wrapped);
    if (!key.is_ok()) return key.status();
    return equal_constant_time(key->reveal(), key_.reveal()) ? Status::ok() : Status(Code::kInternal, "another key");
  }
  Status unwraps() { return unwraps(*provider_, handle_, wrapped_); }
  // Wraps and unwraps with a handle of now.
  Status works() {
    COFFER_ASSIGN(const RootKeyHandle handle, provider_->current());
    COFFER_ASSIGN(const WrappedKeyringKey wrapped, provider_->wrap(handle, context_, key_));
    return unwraps(*provider_, handle, wrapped);
  }

  TokenFaults& faults_;
  SoftToken token_;
  WrapContext context_;
  KeyringKey key_;
  std::unique_ptr<RootKeyProvider> provider_;
  RootKeyHandle handle_;
  WrappedKeyringKey wrapped_;
};

TEST_F(Pkcs11Faults, ATokenThatWasTakenOutIsUnavailableUntilItIsBack) {
  faults_.absent = true;
  EXPECT_EQ(unwraps().code(), Code::kProviderUnavailable);
  EXPECT_THAT(message_of(unwraps()), AllOf(HasSubstr(token_.label()), HasSubstr("sees no token")));
  EXPECT_EQ(provider_->current().code(), Code::kProviderUnavailable);
  faults_.absent = false;
  EXPECT_TRUE(unwraps().is_ok());
}

TEST_F(Pkcs11Faults, AModuleThatLooksForTokensOnlyWhenItIsInitialisedIsMadeToLook) {
  faults_.absent_until_finalized = true;
  EXPECT_TRUE(unwraps().is_ok()) << unwraps().to_string();
  EXPECT_EQ(faults_.finalizations, 1);
  EXPECT_TRUE(unwraps().is_ok());
  EXPECT_EQ(faults_.finalizations, 1) << "only when it shows no token";
}

TEST_F(Pkcs11Faults, ASessionThatBreaksOffIsOpenedAnewOnce) {
  faults_.sessions_to_lose = 1;
  EXPECT_TRUE(unwraps().is_ok());
  EXPECT_EQ(faults_.logins, 2);
  faults_.sessions_to_lose = 100;
  EXPECT_EQ(unwraps().code(), Code::kProviderUnavailable);
  EXPECT_EQ(faults_.sessions_to_lose, 98);
}

TEST_F(Pkcs11Faults, AModuleThatSomebodyFinalisedIsInitialisedAnew) {
  faults_.finalized_once = true;
  EXPECT_TRUE(unwraps().is_ok());
  EXPECT_EQ(faults_.initializations, 1);
}

TEST_F(Pkcs11Faults, AModuleThatCannotLockIsUsedAllTheSame) {
  faults_.cannot_lock = true;
  faults_.finalized_once = true;
  EXPECT_TRUE(unwraps().is_ok());
  EXPECT_EQ(faults_.initializations, 2);
}

TEST_F(Pkcs11Faults, AWrongPinIsTriedOnce) {
  ASSERT_TRUE(replace_file(Disk::posix(), token_.pin_file(), as_bytes("0000\n"), 0600).is_ok());
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(unwraps().code(), Code::kPermissionDenied);
    EXPECT_THAT(message_of(unwraps()), HasSubstr(token_.pin_file()));
    EXPECT_EQ(open()->current().code(), Code::kPermissionDenied);
  }
  EXPECT_EQ(faults_.logins, 1) << "in the whole process";
  ASSERT_TRUE(replace_file(Disk::posix(), token_.pin_file(), as_bytes(SoftToken::kPin), 0600).is_ok());
  EXPECT_TRUE(unwraps().is_ok());
  EXPECT_EQ(faults_.logins, 2);
}

TEST_F(Pkcs11Faults, ALockedPinIsSaidToBe) {
  faults_.pin_locked = true;
  EXPECT_EQ(unwraps().code(), Code::kPermissionDenied);
  EXPECT_THAT(message_of(unwraps()), HasSubstr("security officer"));
}

TEST_F(Pkcs11Faults, TheLastTryBeforeATokenLocksIsLeftToAPerson) {
  faults_.pin_final_try = true;
  EXPECT_EQ(unwraps().code(), Code::kPermissionDenied);
  EXPECT_THAT(message_of(unwraps()), HasSubstr("one more wrong PIN locks it"));
  EXPECT_EQ(faults_.logins, 0);
}

TEST_F(Pkcs11Faults, WithoutGcmKeyWrapIsUsedAndWhatGcmWrappedStaysReadable) {
  faults_.no_gcm = true;
  auto handle = provider_->current();
  ASSERT_TRUE(handle.is_ok()) << handle.status().to_string();
  EXPECT_THAT(provider_->describe(*handle), HasSubstr("AES key wrap with padding"));
  EXPECT_THAT(provider_->describe(handle_), HasSubstr("AES-GCM"));
  EXPECT_TRUE(works().is_ok()) << works().to_string();
  EXPECT_TRUE(unwraps().is_ok());
  EXPECT_EQ(open("&mechanism=aes-gcm")->current().code(), Code::kKeyUnavailable);
}

TEST_F(Pkcs11Faults, KeyWrapByEncryptionIsUsedWhereItIsThatWay) {
  faults_.wraps_by_encrypting = true;
  provider_ = open("&mechanism=aes-key-wrap");
  EXPECT_TRUE(works().is_ok()) << works().to_string();
}

TEST_F(Pkcs11Faults, AnIvThatTheTokenChoseIsTheOneThatIsKept) {
  faults_.own_iv = true;
  auto wrapped = provider_->wrap(handle_, context_, key_);
  ASSERT_TRUE(wrapped.is_ok()) << wrapped.status().to_string();
  EXPECT_EQ(wrapped->bytes[0], 0xa5);
  faults_.own_iv = false;
  EXPECT_TRUE(unwraps(*provider_, handle_, *wrapped).is_ok());
}

TEST_F(Pkcs11Faults, ACheckValueThatTheTokenDoesNotTellIsComputed) {
  faults_.no_check_values = true;
  EXPECT_EQ(provider_->current().value(), handle_);
  token_.destroy("k");
  token_.generate("k", {1});
  EXPECT_EQ(unwraps().code(), Code::kWrongKey);
}

TEST_F(Pkcs11Faults, ADeviceErrorIsNotAWrongKey) {
  faults_.device_error = true;
  EXPECT_EQ(unwraps().code(), Code::kProviderUnavailable);
  EXPECT_EQ(provider_->current().code(), Code::kProviderUnavailable) << "and no reason to wrap in another way";
  EXPECT_THAT(message_of(unwraps()), HasSubstr("CKR_DEVICE_ERROR (0x30)"));
}

TEST_F(Pkcs11Faults, AModuleThatDoesNotComeBackIsNotWaitedForForever) {
  auto hasty = open("&timeout_millis=200");
  faults_.stall_ms = 1500;
  const Status first = unwraps(*hasty, handle_, wrapped_);
  EXPECT_EQ(first.code(), Code::kProviderUnavailable);
  EXPECT_THAT(message_of(first), HasSubstr("200 ms"));
  faults_.stall_ms = 0;
  EXPECT_EQ(unwraps(*hasty, handle_, wrapped_).code(), Code::kProviderUnavailable) << "the first call is still in it";
  EXPECT_TRUE(unwraps().is_ok()) << "with more patience";
  EXPECT_TRUE(unwraps(*hasty, handle_, wrapped_).is_ok());
}

}  // namespace
}  // namespace coffer
