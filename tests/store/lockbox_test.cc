// Who opens a backup: its key, sealed to several, each in a file of its own.
#include "coffer/ops/lockbox.h"

#include <gmock/gmock.h>

#include "coffer/crypto/random.h"
#include "coffer/ops/slots.h"
#include "coffer/providers/recipient/new_recipient.h"
#include "coffer_test_paths.h"
#include "providers/pkcs11/soft_token.h"
#include "store/coffer_fixture.h"
#include "support/memory_disk.h"

namespace coffer {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class LockboxTest : public CofferFixture {
 protected:
  void SetUp() override {
    CofferFixture::SetUp();
    ASSERT_OK(add_slot(*coffer_, {key_uri("other.key"), "other", false}, open_provider));
  }

  // The URI of a recipient by a passphrase, which is in a file.
  std::string passphrase_uri() {
    const std::string words = "correct horse battery staple";
    write(root_ + "/passphrase", words);
    chmod((root_ + "/passphrase").c_str(), 0600);
    return recipient::uri_for_passphrase(SecretBytes::copy_of(as_bytes(words)), 16).value();
  }
  std::string with_passphrase(const std::string& root) const {
    return root + (root.find('?') == std::string::npos ? "?" : "&") + "passphrase_file=" + root_ + "/passphrase";
  }

  Status seal(const std::vector<std::string>& roots) {
    return seal_lockbox(*coffer_, open_provider, *target_, id_, key_, roots);
  }
  // "opened", or why not.
  std::string opened(const std::string& by = {}) {
    const auto key = open_lockbox(*coffer_, open_provider, *target_, id_, by);
    if (!key.is_ok()) return key.status().to_string();
    return equal_constant_time(key->reveal(), key_.reveal()) ? "opened" : "another key";
  }
  Code code_of(const std::string& by = {}) {
    return open_lockbox(*coffer_, open_provider, *target_, id_, by).status().code();
  }
  std::vector<std::string> names() {
    std::vector<std::string> out;
    const auto recipients = recipients_of(*target_, id_);
    EXPECT_TRUE(recipients.is_ok()) << status_text(recipients);
    for (const BackupRecipient& each : *recipients) out.push_back(each.name);
    return out;
  }
  Bytes file_of(const std::string& name) {
    return target_->get_small(backup_recipient_name(id_, name), kRecipientFileSizeMax).value();
  }
  void put_file(const std::string& name, const Bytes& bytes) {
    ASSERT_OK(target_->put_small(backup_recipient_name(id_, name), bytes));
  }
  // What makes it a backup, of this coffer.
  void put_index() {
    BackupIndex index;
    index.id = id_;
    index.coffer_id = coffer_->keyring()->coffer_id();
    index.parts.push_back({*random_id(), 1, {}});
    const auto sign = [&](ByteView message) { return coffer_->keyring()->sign(message); };
    index.signer = sign({})->public_key;
    ASSERT_OK(target_->put_small(backup_index_name(id_), *seal_backup_index(index, key_, sign)));
  }

  MemoryDisk memory_;
  std::unique_ptr<BackupTarget> target_ = directory_target(memory_, "/t");
  const Id id_ = *random_id();
  const KeyringKey key_ = std::move(*random_key<KeyringRole>(kKeyringKeySize));
};

TEST_F(LockboxTest, EveryRootThatLocksTheCofferOpensItsBackups) {
  ASSERT_OK(seal({}));
  EXPECT_THAT(names(), ElementsAre("other", "root-1"));
  EXPECT_EQ(opened(), "opened");
  EXPECT_EQ(opened("other"), "opened");
  EXPECT_EQ(opened("root-1"), "opened");
  EXPECT_EQ(opened(key_uri("root.key")), "opened") << "whatever it is called";
  for (const std::string& name : names()) EXPECT_LE(file_of(name).size(), kRecipientFileSizeMax);
}

TEST_F(LockboxTest, PassphrasesSharesPrivateKeysAndTokensOpenIt) {
  const std::string of_passphrase = passphrase_uri();
  const recipient::Shared shared = recipient::uri_for_shares(2, 3).value();
  for (size_t i = 0; i < 2; ++i) {
    const std::string path = root_ + "/share-" + std::to_string(i);
    write(path, std::string(as_text(shared.shares[i].reveal())) + "\n");
    chmod(path.c_str(), 0600);
  }
  SoftToken token;
  token.generate("root", {1});
  ASSERT_OK(seal({"root-1", of_passphrase, shared.uri, token.uri("root")}));
  EXPECT_THAT(names(), ElementsAre("root-1", "root-2", "root-3", "root-4"));
  EXPECT_EQ(opened(with_passphrase(of_passphrase)), "opened");
  EXPECT_EQ(opened(shared.uri + "&shares_file=" + root_ + "/share-0," + root_ + "/share-1"), "opened");
  EXPECT_THAT(opened(shared.uri + "&shares_file=" + root_ + "/share-0"), HasSubstr("share"));
  EXPECT_EQ(opened(token.uri("root")), "opened");
  const auto shown = recipients_of(*target_, id_).value();
  EXPECT_THAT(shown[1].shown, HasSubstr("passphrase of recipient"));
  EXPECT_THAT(shown[2].shown, HasSubstr("2 of 3 shares"));
  for (const std::string& name : names()) EXPECT_LE(file_of(name).size(), kRecipientFileSizeMax);
}

TEST_F(LockboxTest, ARootThatOpensByHandIsSealedToWithNobodyThereAndAskedWhereItIsNamed) {
  ASSERT_OK(add_slot(*coffer_, {passphrase_uri(), "recovery", false}, open_provider));
  ASSERT_OK(seal({"recovery", "root-1"}));
  EXPECT_EQ(opened(), "opened") << "by root-1";
  EXPECT_EQ(opened(with_passphrase("recovery")), "opened");
  ASSERT_OK(target_->remove(backup_recipient_name(id_, "root-1")));
  EXPECT_EQ(code_of(), Code::kKeyUnavailable) << "nobody is asked who was not named";
  EXPECT_THAT(opened(), AllOf(HasSubstr("recovery"), HasSubstr("--open-with")));
}

TEST_F(LockboxTest, OneRecipientIsTooFewAndNoneIsCountedTwice) {
  EXPECT_EQ(seal({"root-1"}).code(), Code::kInvalidArgument);
  EXPECT_EQ(seal({"root-1", "root-1"}).code(), Code::kInvalidArgument);
  EXPECT_EQ(seal({"root-1", key_uri("root.key")}).code(), Code::kInvalidArgument) << "by another name";
  EXPECT_EQ(seal({"root-1", "none"}).code(), Code::kInvalidArgument);
  EXPECT_EQ(seal({"root-1", key_uri("gone.key")}).code(), Code::kNotFound);
  EXPECT_TRUE(target_->list("")->empty()) << "nothing is there unless all seal";
  write_key_file("group.key", 'g');
  const auto of_group = add_group(*coffer_, "tenants", key_uri("group.key"), open_provider);
  ASSERT_OK(of_group);
  EXPECT_EQ(seal({"root-1", *of_group}).code(), Code::kInvalidArgument) << "it would open all of it";
}

TEST_F(LockboxTest, RecipientsComeAndGoByOneSmallFileEach) {
  ASSERT_OK(seal({}));
  put_index();
  const std::string uri = passphrase_uri();
  const auto before = target_->list("").value();
  const auto added = add_recipient(*coffer_, open_provider, *target_, id_, uri, "");
  ASSERT_OK(added);
  auto after = target_->list("").value();
  EXPECT_EQ(after.size(), before.size() + 1);
  EXPECT_LE(file_of(*added).size(), kRecipientFileSizeMax);
  EXPECT_EQ(opened(with_passphrase(uri)), "opened");
  EXPECT_EQ(add_recipient(*coffer_, open_provider, *target_, id_, "other", "").status().code(), Code::kAlreadyExists);
  ASSERT_OK(remove_recipient(*coffer_, *target_, id_, "other"));
  EXPECT_EQ(code_of("other"), Code::kWrongKey);
  EXPECT_EQ(remove_recipient(*coffer_, *target_, id_, "other").code(), Code::kNotFound);
  EXPECT_EQ(remove_recipient(*coffer_, *target_, id_, "root-1").code(), Code::kBusy) << "two are left";
  EXPECT_EQ(opened(), "opened");
}

TEST_F(LockboxTest, NobodyIsAddedToWhatTheCofferDidNotMake) {
  ASSERT_OK(seal({}));
  EXPECT_EQ(add_recipient(*coffer_, open_provider, *target_, id_, key_uri("root.key"), "").status().code(),
            Code::kNotFound)
      << "there is no index";
  put_index();
  // A key of somebody else's, sealed to the coffer's own roots.
  const KeyringKey forged = std::move(*random_key<KeyringRole>(kKeyringKeySize));
  ASSERT_OK(seal_lockbox(*coffer_, open_provider, *target_, id_, forged, {}));
  EXPECT_EQ(opened(), "another key") << "which the index tells";
  EXPECT_EQ(add_recipient(*coffer_, open_provider, *target_, id_, passphrase_uri(), "").status().code(),
            Code::kWrongKey);
}

TEST_F(LockboxTest, WrongForeignAlteredAndUnavailableAreToldApart) {
  ASSERT_OK(seal({}));
  write_key_file("stranger.key", 's');
  EXPECT_EQ(code_of(key_uri("stranger.key")), Code::kWrongKey);
  EXPECT_EQ(code_of(key_uri("none.key")), Code::kKeyUnavailable);

  const Bytes own = file_of("root-1");
  const Id other_id = *random_id();
  ASSERT_OK(seal_lockbox(*coffer_, open_provider, *target_, other_id, key_, {}));
  put_file("root-1", *target_->get_small(backup_recipient_name(other_id, "root-1"), kRecipientFileSizeMax));
  EXPECT_EQ(code_of("root-1"), Code::kForeign);
  // With this backup's id written over the other one's.
  Bytes renamed = *target_->get_small(backup_recipient_name(other_id, "root-1"), kRecipientFileSizeMax);
  std::copy(id_.bytes.begin(), id_.bytes.end(), renamed.begin() + 16);
  put_file("root-1", renamed);
  EXPECT_NE(code_of("root-1"), Code::kOk);
  put_file("root-1", file_of("other"));
  EXPECT_EQ(code_of("root-1"), Code::kTampered) << "under another recipient's name";
  Bytes altered = own;
  altered.back() ^= 1;
  put_file("root-1", altered);
  EXPECT_EQ(code_of("root-1"), Code::kTampered);
  EXPECT_EQ(opened(), "opened") << "by the other one";
  put_file("root-1", own);
  std::filesystem::remove(root_ + "/root.key");
  EXPECT_EQ(code_of("root-1"), Code::kKeyUnavailable);
}

TEST_F(LockboxTest, AServiceThatIsAwayIsUnavailable) {
  const std::string command = root_ + "/coffer-exec-example", keys = root_ + "/keys.json";
  std::filesystem::copy_file(COFFER_SOURCE_DIR "/examples/exec_provider.py", command);
  chmod(command.c_str(), 0700);
  ASSERT_EQ(std::system((command + " " + keys + " add app").c_str()), 0);
  const std::string uri = "exec:" + command + "/app?arg1=" + keys;
  ASSERT_OK(seal({"root-1", uri}));
  EXPECT_EQ(opened(uri), "opened");
  std::filesystem::remove(command);
  EXPECT_EQ(code_of(uri), Code::kProviderUnavailable);
  EXPECT_EQ(opened(), "opened");
}

TEST_F(LockboxTest, NoAlteredOrCutFileOpensOrCrashes) {
  ASSERT_OK(seal({}));
  const Bytes own = file_of("root-1");
  for (size_t at = 0; at < own.size(); ++at) {
    Bytes altered = own;
    altered[at] ^= 0x41;
    put_file("root-1", altered);
    EXPECT_NE(opened("root-1"), "opened") << at;
    put_file("root-1", Bytes(own.begin(), own.begin() + static_cast<std::ptrdiff_t>(at)));
    EXPECT_NE(opened("root-1"), "opened") << at;
  }
  put_file("root-1", Bytes(kRecipientFileSizeMax + 1));
  EXPECT_EQ(code_of("root-1"), Code::kLimitExceeded);
}

}  // namespace
}  // namespace coffer
