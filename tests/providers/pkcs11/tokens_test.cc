// The PKCS#11 provider on SoftHSM: which token, which key, what a new key may do, what the errors say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "coffer/crypto/kdf.h"
#include "coffer/crypto/random.h"
#include "coffer/io/disk.h"
#include "coffer/providers/registry.h"
#include "io/temporary_directory.h"
#include "providers/pkcs11/soft_token.h"
#include "support/message_of.h"

namespace coffer {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::unique_ptr<RootKeyProvider> open(const std::string& uri) {
  auto provider = open_provider(uri);
  EXPECT_TRUE(provider.is_ok()) << uri << ": " << provider.status().to_string();
  return std::move(provider).value();
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

class Pkcs11Tokens : public testing::Test {
 protected:
  Pkcs11Tokens() {
    context_.coffer_id = random_id().value();
    context_.slot_id = random_id().value();
    key_ = random_key<KeyringRole>(32).value();
  }

  bool unwraps(RootKeyProvider& provider, const RootKeyHandle& handle, const WrappedKeyringKey& wrapped) {
    auto key = provider.unwrap(handle, context_, wrapped);
    return key.is_ok() && equal_constant_time(key->reveal(), key_.reveal());
  }

  SoftToken token_;
  WrapContext context_;
  KeyringKey key_;
};

TEST_F(Pkcs11Tokens, ATokenThatIsNotThereIsUnavailableAndThoseThatAreThereAreNamed) {
  auto provider = open(replaced(token_.uri("k"), "coffer%20test", "nosuch"));
  auto handle = provider->current();
  EXPECT_EQ(handle.code(), Code::kProviderUnavailable);
  EXPECT_THAT(message_of(handle.status()), AllOf(HasSubstr("token nosuch"), HasSubstr(token_.label()),
                                                 HasSubstr(token_.serial()), HasSubstr(SoftToken::module_path())));
}

TEST_F(Pkcs11Tokens, TokensOfOneLabelAreToldApartByTheirSerialNumbers) {
  const SoftToken twin(token_.label());
  token_.generate("k", {1});
  auto ambiguous = open(token_.uri("k"))->current();
  EXPECT_EQ(ambiguous.code(), Code::kInvalidArgument);
  EXPECT_THAT(message_of(ambiguous.status()), AllOf(HasSubstr(token_.serial()), HasSubstr(twin.serial())));
  EXPECT_TRUE(open(replaced(token_.uri("k"), ";object", ";serial=" + token_.serial() + ";object"))->current().is_ok());
  EXPECT_EQ(open(replaced(token_.uri("k"), ";object", ";serial=" + twin.serial() + ";object"))->current().code(),
            Code::kNotFound);
}

TEST_F(Pkcs11Tokens, KeysOfOneLabelAreAnErrorThatNamesTheirIds) {
  token_.generate("k", {0, 1});
  token_.generate("k", {0xab});
  auto ambiguous = open(token_.uri("k"))->current();
  EXPECT_EQ(ambiguous.code(), Code::kInvalidArgument);
  EXPECT_THAT(message_of(ambiguous.status()), AllOf(HasSubstr("id 0001"), HasSubstr("id ab")));
  auto first = open(replaced(token_.uri("k"), "object=k", "object=k;id=%00%01"));
  auto second = open(replaced(token_.uri("k"), "object=k", "id=%ab"));
  ASSERT_TRUE(first->current().is_ok() && second->current().is_ok());
  EXPECT_NE(first->current().value(), second->current().value());
  EXPECT_THAT(first->describe(first->current().value()), HasSubstr("key k (id 0001, check value "));
}

TEST_F(Pkcs11Tokens, AHandleFindsItsKeyAmongThoseOfTheUriAndNoOther) {
  token_.generate("old", {1});
  auto before = open(token_.uri("old"));
  const RootKeyHandle handle = before->current().value();
  const WrappedKeyringKey wrapped = before->wrap(handle, context_, key_).value();
  token_.generate("new", {2});
  const Status elsewhere = open(token_.uri("new"))->unwrap(handle, context_, wrapped).status();
  EXPECT_EQ(elsewhere.code(), Code::kWrongKey);
  EXPECT_THAT(message_of(elsewhere), AllOf(HasSubstr("key old"), HasSubstr("URI names, key new")));
  EXPECT_EQ(open(token_.uri("old") + "&mechanism=any").get()->check(handle).to_string(), Status().to_string());
  token_.generate("old", {3});  // of two that are called so, the handle's id says which
  EXPECT_TRUE(unwraps(*open(token_.uri("old")), handle, wrapped));
}

TEST_F(Pkcs11Tokens, AKeyIsMadeOnlyWhenAskedForAndNeverLeavesTheToken) {
  EXPECT_EQ(open(token_.uri("made"))->current().code(), Code::kNotFound);
  EXPECT_TRUE(token_.ids("made").empty());
  auto maker = open(token_.uri("made") + "&create=true");
  auto handle = maker->current();
  ASSERT_TRUE(handle.is_ok()) << handle.status().to_string();
  EXPECT_EQ(maker->current().value(), *handle) << "once";
  EXPECT_EQ(token_.ids("made").size(), 1u);
  EXPECT_EQ(token_.ids("made")[0].size(), 16u);
  EXPECT_TRUE(token_.get("made", CKA_SENSITIVE));
  EXPECT_TRUE(token_.get("made", CKA_PRIVATE));
  EXPECT_TRUE(token_.get("made", CKA_NEVER_EXTRACTABLE));
  EXPECT_THAT(maker->uri(), Not(HasSubstr("create")));
  EXPECT_EQ(open(maker->uri())->current().value(), *handle);
}

TEST_F(Pkcs11Tokens, TheKeysUseFlagsDecideAboutTheMechanism) {
  token_.generate("wrapper", {1}, {.encrypt = false, .decrypt = false});
  auto wrapper = open(token_.uri("wrapper"));
  auto handle = wrapper->current();
  ASSERT_TRUE(handle.is_ok()) << handle.status().to_string();
  EXPECT_THAT(wrapper->describe(*handle), HasSubstr("AES key wrap with padding"));
  EXPECT_TRUE(unwraps(*wrapper, *handle, wrapper->wrap(*handle, context_, key_).value()));

  token_.generate("signer", {2}, {.encrypt = false, .decrypt = false, .wrap = false, .unwrap = false});
  auto signer = open(token_.uri("signer"))->current();
  EXPECT_EQ(signer.code(), Code::kKeyUnavailable);
  EXPECT_THAT(message_of(signer.status()), AllOf(HasSubstr("key signer"), HasSubstr("AES-GCM"), HasSubstr("CKR_")));
}

TEST_F(Pkcs11Tokens, AKeyThatCanWrapButNotUnwrapIsNotUsed) {
  token_.generate("k", {1}, {.decrypt = false, .unwrap = false});
  EXPECT_EQ(open(token_.uri("k"))->current().code(), Code::kKeyUnavailable);
}

TEST_F(Pkcs11Tokens, AKeyWeakerThanWhatItProtectsWrapsOnlyIfThatIsMeant) {
  for (const CK_ULONG size : {16ul, 24ul}) {
    const std::string name = "aes-" + std::to_string(8 * size);
    token_.generate(name, {static_cast<uint8_t>(size)}, {.size = size});
    auto provider = open(token_.uri(name));
    const RootKeyHandle handle = provider->current().value();
    const Status refused = provider->wrap(handle, context_, key_).status();
    EXPECT_EQ(refused.code(), Code::kInvalidArgument);
    EXPECT_THAT(message_of(refused), AllOf(HasSubstr(std::to_string(8 * size) + " bits"), HasSubstr(name),
                                           HasSubstr("allow_weak_root=true")));
    auto consenting = open(token_.uri(name) + "&allow_weak_root=true");
    const WrappedKeyringKey wrapped = consenting->wrap(handle, context_, key_).value();
    EXPECT_TRUE(unwraps(*provider, handle, wrapped)) << "what it has wrapped opens without consent";
  }
}

TEST_F(Pkcs11Tokens, WhereThePinComesFromIsNamedWhenItIsMissing) {
  token_.generate("k", {1});
  const std::string bare = token_.uri("k").substr(0, token_.uri("k").find("&pin-source"));
  auto gone = open(bare + "&pin_file=/nosuch/pin")->current();
  EXPECT_EQ(gone.code(), Code::kPermissionDenied);
  EXPECT_THAT(message_of(gone.status()), HasSubstr("/nosuch/pin"));
  auto unset = open(bare + "&pin_env=COFFER_TEST_NO_SUCH_PIN")->current();
  EXPECT_EQ(unset.code(), Code::kPermissionDenied);
  EXPECT_THAT(message_of(unset.status()), HasSubstr("COFFER_TEST_NO_SUCH_PIN"));
  ::setenv("COFFER_TEST_PIN", SoftToken::kPin, 1);
  EXPECT_TRUE(open(bare + "&pin_env=COFFER_TEST_PIN")->current().is_ok());
  ::chmod(token_.pin_file().c_str(), 0644);
  auto open_to_all = open(token_.uri("k"))->current();
  EXPECT_EQ(open_to_all.code(), Code::kPermissionDenied);
  EXPECT_THAT(message_of(open_to_all.status()), HasSubstr("chmod 600"));
}

TEST_F(Pkcs11Tokens, AModuleThatIsNoneOrMayBeAnybodysIsNotUsed) {
  const TemporaryDirectory directory;
  const auto with_module = [&](const std::string& path) {
    return open(replaced(token_.uri("k"), SoftToken::module_path(), path))->current();
  };
  EXPECT_THAT(message_of(with_module("/nosuch.so").status()), HasSubstr("no such file"));
  ASSERT_TRUE(replace_file(Disk::posix(), directory / "text.so", as_bytes("text"), 0600).is_ok());
  EXPECT_EQ(with_module(directory / "text.so").code(), Code::kProviderUnavailable);
  std::filesystem::copy(SoftToken::module_path(), directory / "theirs.so");
  ::chmod((directory / "theirs.so").c_str(), 0777);
  auto writable = with_module(directory / "theirs.so");
  EXPECT_EQ(writable.code(), Code::kPermissionDenied);
  EXPECT_THAT(message_of(writable.status()), HasSubstr("others may write it"));
  ::chmod((directory / "theirs.so").c_str(), 0755);
  ::chmod(directory.path().c_str(), 0777);
  EXPECT_EQ(with_module(directory / "theirs.so").code(), Code::kPermissionDenied) << "another may be put in its place";
  ::chmod(directory.path().c_str(), 0700);
}

TEST_F(Pkcs11Tokens, WithoutAModulePathEveryRegisteredModuleIsSearched) {
  token_.generate("k", {1});
  const std::string module = "module-path=" + SoftToken::module_path() + "&";
  auto provider = open(replaced(token_.uri("k"), module, ""));
  auto handle = provider->current();
  ASSERT_TRUE(handle.is_ok()) << handle.status().to_string();
  EXPECT_TRUE(unwraps(*open(token_.uri("k")), *handle, provider->wrap(*handle, context_, key_).value()));
}

TEST_F(Pkcs11Tokens, AForkedChildOpensTheTokenItselfAndItsParentGoesOn) {
  token_.generate("k", {1});
  auto provider = open(token_.uri("k"));
  const RootKeyHandle handle = provider->current().value();
  const WrappedKeyringKey wrapped = provider->wrap(handle, context_, key_).value();
  const pid_t child = ::fork();
  if (child == 0) {
    const bool refused = provider->unwrap(handle, context_, wrapped).code() == Code::kKeyUnavailable;
    auto own = open(token_.uri("k"));
    const Status opens = own->unwrap(handle, context_, wrapped).status();
    const Status finds = own->current().status();
    for (const Status& status : {opens, finds}) {
      if (!status.is_ok()) std::fprintf(stderr, "in the child: %s\n", status.to_string().c_str());
    }
    ::_exit(refused && opens.is_ok() && finds.is_ok() ? 0 : 1);
  }
  // One after the other: SoftHSM rewrites the token's file at each login, and does not find the token meanwhile.
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_TRUE(unwraps(*provider, handle, wrapped));
}

}  // namespace
}  // namespace coffer
