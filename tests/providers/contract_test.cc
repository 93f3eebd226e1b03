#include "providers/contract.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <thread>

#include "coffer/crypto/random.h"
#include "coffer/keys/keyring.h"
#include "coffer/providers/registry.h"
#include "support/long.h"

namespace coffer {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

std::vector<ProviderUnderTest> every_provider() {
  return {
      key_file_under_test("Raw128"),
      key_file_under_test("Raw192"),
      key_file_under_test("Raw256"),
      key_file_under_test("Jwk128"),
      key_file_under_test("Jwk192"),
      key_file_under_test("Jwk256"),
      key_file_under_test("Bare256"),
      keystore_under_test("pkcs12"),
      keystore_under_test("jceks"),
      exec_under_test(),
      vault_under_test(),
      tpm_under_test(),
      gcp_kms_under_test(),
      azure_kv_under_test("RSA"),
      azure_kv_under_test("oct-HSM"),
      pkcs11_under_test("AesGcm", "aes-gcm"),
      pkcs11_under_test("AesKeyWrapPad", "aes-key-wrap-pad"),
      pkcs11_under_test("AesKeyWrap", "aes-key-wrap"),
      kmip_under_test("get"),
      kmip_under_test("encrypt"),
      aws_kms_under_test(),
  };
}

class ProviderContract : public testing::TestWithParam<ProviderUnderTest> {
 protected:
  void SetUp() override {
    surroundings_ = GetParam().make();
    provider_ = open();
    context_.coffer_id = random_id().value();
    context_.slot_id = random_id().value();
    key_ = random_key<KeyringRole>(kKeyringKeySize).value();
  }

  std::unique_ptr<RootKeyProvider> open() {
    auto provider = open_provider(surroundings_->uri());
    EXPECT_TRUE(provider.is_ok()) << provider.status().to_string();
    return std::move(provider).value();
  }

  RootKeyHandle current() {
    auto handle = provider_->current();
    EXPECT_TRUE(handle.is_ok()) << handle.status().to_string();
    return handle.is_ok() ? *handle : RootKeyHandle{};
  }
  WrappedKeyringKey wrap(const RootKeyHandle& handle) {
    auto wrapped = provider_->wrap(handle, context_, key_);
    EXPECT_TRUE(wrapped.is_ok()) << wrapped.status().to_string();
    return wrapped.is_ok() ? *wrapped : WrappedKeyringKey{};
  }
  bool unwraps(RootKeyProvider& provider, const RootKeyHandle& handle, const WrappedKeyringKey& wrapped) {
    auto key = provider.unwrap(handle, context_, wrapped);
    return key.is_ok() && equal_constant_time(key->reveal(), key_.reveal());
  }

  std::unique_ptr<ProviderSurroundings> surroundings_;
  std::unique_ptr<RootKeyProvider> provider_;
  WrapContext context_;
  KeyringKey key_;
};

INSTANTIATE_TEST_SUITE_P(Every, ProviderContract, testing::ValuesIn(every_provider()),
                         [](const auto& param) { return param.param.name; });

TEST(ProviderContractSuite, HasEveryProviderOfThisBuild) {
  std::set<std::string, std::less<>> held_to_it;
  for (const ProviderUnderTest& provider : every_provider()) {
    const std::string uri = provider.make()->uri();
    held_to_it.insert(uri.substr(0, uri.find(':')));
  }
  // Wraps once, when it is added, and then renews only; its private half is elsewhere: recipient_test.cc.
  held_to_it.insert("recipient");
  for (const ProviderScheme& scheme : provider_schemes()) {
    EXPECT_TRUE(held_to_it.contains(scheme.scheme)) << scheme.scheme << ": is not in every_provider()";
  }
}

TEST_P(ProviderContract, WhatIsWrappedUnwrapsNowAndAfterReopening) {
  RootKeyHandle handle = current();
  WrappedKeyringKey wrapped = wrap(handle);
  EXPECT_TRUE(unwraps(*provider_, handle, wrapped));
  EXPECT_TRUE(unwraps(*open(), handle, wrapped));
  EXPECT_EQ(open()->current().value(), handle) << "the same key has the same handle";
}

TEST_P(ProviderContract, HandleAndWrappedKeyFitInASlot) {
  RootKeyHandle handle = current();
  WrappedKeyringKey wrapped = wrap(handle);
  EXPECT_LE(handle.bytes.size(), kRootKeyHandleSizeMax);
  EXPECT_LE(wrapped.bytes.size(), kWrappedKeyringKeySizeMax);
  KeyringSlot slot{context_.slot_id, 1, "root-1", handle, wrapped};
  Keyring keyring = Keyring::create(context_.coffer_id, 1).value();
  EXPECT_TRUE(KeyringCodec::seal(keyring, std::span(&slot, 1), key_).is_ok());
}

TEST_P(ProviderContract, ItsUriOpensTheSameKey) {
  auto again = open_provider(provider_->uri());
  ASSERT_TRUE(again.is_ok()) << again.status().to_string();
  EXPECT_EQ((*again)->current().value(), current());
  EXPECT_EQ((*again)->uri(), provider_->uri());
}

TEST_P(ProviderContract, AnotherContextDoesNotUnwrap) {
  RootKeyHandle handle = current();
  WrappedKeyringKey wrapped = wrap(handle);
  const WrapContext right = context_;
  context_.slot_id = random_id().value();
  EXPECT_EQ(provider_->unwrap(handle, context_, wrapped).code(), Code::kWrongKey);
  context_ = right;
  context_.coffer_id = random_id().value();
  EXPECT_EQ(provider_->unwrap(handle, context_, wrapped).code(), Code::kWrongKey);
  context_ = right;
  EXPECT_TRUE(unwraps(*provider_, handle, wrapped));
}

TEST_P(ProviderContract, AnAlteredOrCutWrappedKeyIsNoticed) {
  RootKeyHandle handle = current();
  const WrappedKeyringKey wrapped = wrap(handle);
  const size_t step = surroundings_->is_slow() ? 61 : 1;
  for (size_t bit = 0; bit < wrapped.bytes.size() * 8; bit += step) {
    // One of each byte, the first of the first and so on.
    if (step == 1 && !may_take_long() && bit % 8 != bit / 8 % 8) continue;
    WrappedKeyringKey flipped = wrapped;
    flipped.bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_EQ(provider_->unwrap(handle, context_, flipped).code(), Code::kWrongKey) << "bit " << bit;
  }
  for (size_t size = 0; size < wrapped.bytes.size(); size += step) {
    WrappedKeyringKey cut{wrapped.algorithm,
                          Bytes(wrapped.bytes.begin(), wrapped.bytes.begin() + static_cast<ptrdiff_t>(size))};
    EXPECT_THAT(provider_->unwrap(handle, context_, cut).code(), AnyOf(Code::kWrongKey, Code::kTampered))
        << "cut to " << size;
  }
}

TEST_P(ProviderContract, AnotherKeyIsTheWrongKeyAndBothAreNamed) {
  RootKeyHandle handle = current();
  WrappedKeyringKey wrapped = wrap(handle);
  surroundings_->replace_key();
  RootKeyHandle other = current();
  EXPECT_NE(other, handle);
  auto key = provider_->unwrap(handle, context_, wrapped);
  EXPECT_THAT(std::string(key.status().message()), HasSubstr(provider_->describe(handle)));
  if (surroundings_->replaces_in_place()) {
    EXPECT_EQ(key.code(), Code::kWrongKey);
    EXPECT_THAT(std::string(key.status().message()), HasSubstr(provider_->describe(other)));
    EXPECT_EQ(provider_->wrap(handle, context_, key_).code(), Code::kWrongKey);
  } else {
    EXPECT_EQ(key.code(), Code::kKeyUnavailable) << key.status().to_string();
    EXPECT_EQ(provider_->wrap(handle, context_, key_).code(), Code::kKeyUnavailable);
  }
  EXPECT_EQ(provider_->unwrap(other, context_, wrapped).code(), Code::kWrongKey);
}

TEST_P(ProviderContract, AKeyThatIsGoneIsUnavailableNotWrong) {
  RootKeyHandle handle = current();
  WrappedKeyringKey wrapped = wrap(handle);
  surroundings_->remove_key();
  EXPECT_EQ(provider_->current().code(), Code::kNotFound);
  EXPECT_EQ(provider_->wrap(handle, context_, key_).code(), Code::kKeyUnavailable);
  auto key = provider_->unwrap(handle, context_, wrapped);
  EXPECT_EQ(key.code(), Code::kKeyUnavailable);
  EXPECT_THAT(std::string(key.status().message()), HasSubstr(provider_->describe(handle)));
}

TEST_P(ProviderContract, AHandleThatIsNotItsOwnIsRefused) {
  WrappedKeyringKey wrapped = wrap(current());
  for (size_t size : {0u, 1u, 16u, 17u, 18u, 49u, 512u}) {
    RootKeyHandle foreign{Bytes(size, 0xee)};
    EXPECT_EQ(provider_->unwrap(foreign, context_, wrapped).code(), Code::kWrongKey) << size;
    EXPECT_FALSE(provider_->describe(foreign).empty());
  }
}

TEST_P(ProviderContract, AHandleOfAnotherProviderIsRefusedWithWords) {
  const RootKeyHandle own = current();
  WrappedKeyringKey wrapped = wrap(own);
  // The same fields under another scheme, and this provider's scheme with fields that it does not write.
  RootKeyHandle foreign = own;
  foreign.bytes[1] = 'q';
  RootKeyHandle others{Bytes{5, 'o', 't', 'h', 'e', 'r', 1, 0, 'x'}};
  RootKeyHandle emptied{Bytes(own.bytes.begin(), own.bytes.begin() + 1 + own.bytes[0])};
  for (const RootKeyHandle& handle : {foreign, others, emptied}) {
    for (const Status& status :
         {provider_->unwrap(handle, context_, wrapped).status(), provider_->wrap(handle, context_, key_).status()}) {
      EXPECT_EQ(status.code(), Code::kWrongKey) << status.to_string();
      EXPECT_THAT(std::string(status.message()),
                  testing::AllOf(HasSubstr(provider_->describe()), HasSubstr(provider_->describe(handle))));
    }
  }
  EXPECT_EQ(provider_->describe(others), "a key of other:");
}

TEST_P(ProviderContract, AHandleNamesNoKeyButThoseOfTheUri) {
  const RootKeyHandle own = current();
  auto others = open_provider(surroundings_->uri_of_another_key());
  ASSERT_TRUE(others.is_ok()) << others.status().to_string();
  const auto foreign = (*others)->current();
  ASSERT_TRUE(foreign.is_ok()) << foreign.status().to_string();
  const auto wrapped = (*others)->wrap(*foreign, context_, key_);
  ASSERT_TRUE(wrapped.is_ok()) << wrapped.status().to_string();
  ASSERT_TRUE(unwraps(**others, *foreign, *wrapped));
  for (const Status& status : {provider_->unwrap(*foreign, context_, *wrapped).status(),
                               provider_->wrap(*foreign, context_, key_).status(), provider_->check(*foreign)}) {
    EXPECT_EQ(status.code(), Code::kWrongKey) << status.to_string();
    EXPECT_THAT(std::string(status.message()), HasSubstr((*others)->describe(*foreign)));
  }
  EXPECT_EQ(provider_->check(own).to_string(), Status().to_string());
}

TEST_P(ProviderContract, AKeyIsLookedAtAgain) {
  const RootKeyHandle handle = current();
  EXPECT_GT(provider_->check_interval().count(), 0);
  EXPECT_EQ(provider_->check(handle).to_string(), Status().to_string());
  if (surroundings_->deactivate_key()) {
    const Status status = provider_->check(handle);
    EXPECT_EQ(status.code(), Code::kKeyUnavailable) << status.to_string();
    EXPECT_THAT(std::string(status.message()), HasSubstr(provider_->describe(handle)));
  }
  surroundings_->replace_key();
  EXPECT_EQ(provider_->check(handle).code(),
            surroundings_->replaces_in_place() ? Code::kWrongKey : Code::kKeyUnavailable);
  surroundings_->remove_key();
  EXPECT_EQ(provider_->check(handle).code(), Code::kKeyUnavailable);
}

TEST_P(ProviderContract, AWrappingThatDoesNotUnwrapToTheSameKeyIsRefusedBeforeItIsUsed) {
  const RootKeyHandle handle = current();
  if (!surroundings_->make_service_lie()) return;
  const auto wrapped = provider_->wrap(handle, context_, key_);
  EXPECT_EQ(wrapped.code(), Code::kTampered);
  EXPECT_THAT(std::string(wrapped.status().message()),
              testing::AllOf(HasSubstr(provider_->describe(handle)), HasSubstr("it is not used")));
}

TEST_P(ProviderContract, NothingItSaysHoldsASecret) {
  RootKeyHandle handle = current();
  WrappedKeyringKey wrapped = wrap(handle);
  std::vector<std::string> said = {provider_->uri(), provider_->describe(), provider_->describe(handle),
                                   std::string(as_text(handle.bytes)), std::string(as_text(wrapped.bytes))};
  const std::vector<Bytes> secrets = surroundings_->secrets();
  surroundings_->replace_key();
  said.emplace_back(provider_->unwrap(handle, context_, wrapped).status().message());
  surroundings_->remove_key();
  said.emplace_back(provider_->current().status().message());
  for (const std::string& text : said) {
    EXPECT_THAT(text, Not(HasSubstr(std::string(as_text(key_.reveal())))));
    for (const Bytes& secret : secrets) {
      EXPECT_THAT(text, Not(HasSubstr(std::string(as_text(secret)))));
      EXPECT_THAT(text, Not(HasSubstr(to_hex(secret))));
    }
  }
}

TEST_P(ProviderContract, WrongCredentialsAreRefusedAsSuch) {
  const std::optional<std::string> uri = surroundings_->uri_with_wrong_credentials();
  if (!uri.has_value()) return;
  RootKeyHandle handle = current();
  WrappedKeyringKey wrapped = wrap(handle);
  auto refused = open_provider(*uri);
  const Status status = refused.is_ok() ? (*refused)->unwrap(handle, context_, wrapped).status() : refused.status();
  EXPECT_THAT(status.code(), AnyOf(Code::kPermissionDenied, Code::kWrongKey)) << status.to_string();
  EXPECT_TRUE(unwraps(*provider_, handle, wrapped)) << "whoever has the right ones is not shut out by it";
}

TEST_P(ProviderContract, ADeactivatedKeyUnwrapsButIsNotTakenForNewWrappings) {
  RootKeyHandle handle = current();
  WrappedKeyringKey wrapped = wrap(handle);
  if (!surroundings_->deactivate_key()) return;
  auto fresh = open();
  EXPECT_TRUE(unwraps(*fresh, handle, wrapped));
  EXPECT_EQ(fresh->wrap(handle, context_, key_).code(), Code::kKeyUnavailable);
}

TEST_P(ProviderContract, AServerThatIsAwayIsUnavailableAndIsUsedAgainWhenItIsBack) {
  if (!surroundings_->has_server()) return;
  RootKeyHandle handle = current();
  WrappedKeyringKey wrapped = wrap(handle);
  // With little patience: they try until their time is over.
  const std::string hasty =
      std::regex_replace(surroundings_->uri(), std::regex("timeout_millis=[0-9]+"), "timeout_millis=400");
  const auto before = open_provider(hasty).value();
  EXPECT_TRUE(before->current().is_ok() || before->current().code() == Code::kProviderUnavailable)
      << "on a busy machine";
  surroundings_->stop_server();
  const auto fresh = open_provider(hasty).value();
  for (RootKeyProvider* provider : {before.get(), fresh.get()}) {
    EXPECT_EQ(provider->unwrap(handle, context_, wrapped).code(), Code::kProviderUnavailable);
    EXPECT_EQ(provider->current().code(), Code::kProviderUnavailable);
    EXPECT_EQ(provider->check(handle).code(), Code::kProviderUnavailable);
  }
  surroundings_->start_server();
  EXPECT_TRUE(unwraps(*provider_, handle, wrapped)) << "the same object, without being opened anew";
}

TEST_P(ProviderContract, AServerThatAnswersNothingIsNotWaitedForForever) {
  if (!surroundings_->has_server()) return;
  RootKeyHandle handle = current();
  WrappedKeyringKey wrapped = wrap(handle);
  surroundings_->suspend_server();
  EXPECT_EQ(provider_->unwrap(handle, context_, wrapped).code(), Code::kProviderUnavailable);
  surroundings_->resume_server();
  EXPECT_TRUE(unwraps(*provider_, handle, wrapped));
}

TEST_P(ProviderContract, ManyThreadsMayUseOneProvider) {
  RootKeyHandle handle = current();
  WrappedKeyringKey wrapped = wrap(handle);
  const int rounds = surroundings_->is_slow() ? 2 : 20;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < rounds; ++round) {
        EXPECT_TRUE(unwraps(*provider_, handle, wrapped));
        auto own = provider_->wrap(handle, context_, key_);
        EXPECT_TRUE(own.is_ok() && unwraps(*provider_, handle, *own));
        EXPECT_TRUE(provider_->current().is_ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace coffer
