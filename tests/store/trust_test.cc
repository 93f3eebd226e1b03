// What is believed: the configuration, and of a keyring only what the configured root keys vouch for. And that a coffer
// knows where it lives.
#include <unistd.h>

#include "coffer/keys/first_keyring.h"
#include "coffer/ops/slots.h"
#include "coffer_fixture.h"
#include "support/fault_disk.h"

namespace coffer {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class TrustTest : public CofferFixture {
 protected:
  std::string config_path() const { return coffer_path() + "/coffer.yaml"; }
  std::string config_text() const { return read(config_path()); }
  Result<std::shared_ptr<Coffer>> reopen(const std::string& place) {
    return Coffer::open(disk(), place, {}, open_provider);
  }

  // A keyring of this coffer's id, made and locked by somebody with a root key of his own, under this root's name.
  void put_strangers_keyring(const std::string& root_name) {
    auto provider = open_provider(key_uri("other.key"), {});
    ASSERT_OK(provider);
    const ConfiguredRoot root{root_name, std::move(*provider)};
    auto keyring = Keyring::create(coffer_->keyring()->coffer_id(), 1);
    ASSERT_OK(keyring);
    auto first = seal_first_keyring(std::move(*keyring), root, "");
    ASSERT_OK(first);
    write(coffer_path() + "/keyring", std::string(as_text(first->sealed)));
  }
};

TEST_F(TrustTest, InitWritesTheRootUnderANameAndPinsIt) {
  auto config = parse_config(config_text(), "coffer.yaml");
  ASSERT_OK(config);
  EXPECT_EQ(config->coffer_id, coffer_->keyring()->coffer_id());
  EXPECT_EQ(config->keyring, std::filesystem::canonical(coffer_path()).string());
  ASSERT_EQ(config->providers.roots.size(), 1u);
  const auto& [name, root] = *config->providers.roots.begin();
  EXPECT_EQ(name, "root-1");
  EXPECT_EQ(format_provider_uri(root.uri), key_uri("root.key"));
  EXPECT_EQ(root.fingerprint.size(), 32u);
  EXPECT_EQ(coffer_->live_keyring().header()->slots.front().root, "root-1");
}

// Findings T1: who can write the keyring can destroy it, never choose its root key.
TEST_F(TrustTest, AStrangersKeyringIsOpenedByNobodyAndTakenOverByNobody) {
  for (const char* name : {"root-1", "root-2"}) {
    put_strangers_keyring(name);
    EXPECT_THAT(reopen(coffer_path()).code(), testing::AnyOf(Code::kWrongKey, Code::kKeyUnavailable)) << name;
    EXPECT_FALSE(coffer_->live_keyring().refresh().is_ok()) << name;
    auto file = coffer_->new_file({.kind = Kind::kLog});
    ASSERT_OK(file);
    EXPECT_NE(coffer_->keyring()->find_key(file->fields.domain_key_id).entry, nullptr) << "under a key of its own";
  }
}

TEST_F(TrustTest, AStrangersKeyringIsNotUnlockedByPointingAtHisKeyEither) {
  put_strangers_keyring("root-1");
  auto opened = Coffer::open(disk(), coffer_path(), {.root_uri = key_uri("other.key")}, open_provider);
  EXPECT_EQ(opened.code(), Code::kWrongKey);
  EXPECT_THAT(status_text(opened), HasSubstr("pinned"));
}

TEST_F(TrustTest, AConfigurationThatOthersCouldHaveWrittenIsNotBelieved) {
  struct Case {
    std::string path;
    mode_t mode;
  };
  const std::string directory = coffer_path();
  for (const Case& each : {Case{config_path(), 0666}, {config_path(), 0664}, {directory, 0777}, {directory, 0770}}) {
    struct stat before {};
    ASSERT_EQ(stat(each.path.c_str(), &before), 0);
    ASSERT_EQ(chmod(each.path.c_str(), each.mode), 0);
    auto opened = reopen(coffer_path());
    EXPECT_EQ(opened.code(), Code::kPermissionDenied) << each.path << std::oct << each.mode;
    EXPECT_THAT(status_text(opened), HasSubstr("chmod go-w " + std::filesystem::canonical(each.path).string()));
    ASSERT_EQ(chmod(each.path.c_str(), before.st_mode & 07777), 0);
  }
  ASSERT_OK(reopen(coffer_path()));
  if (geteuid() != 0) return;  // only root can give files away
  ASSERT_EQ(chown(config_path().c_str(), 65534, 65534), 0);
  EXPECT_EQ(reopen(coffer_path()).code(), Code::kPermissionDenied);
}

TEST_F(TrustTest, AKeyringOfAnotherCofferIsForeign) {
  const std::string other = root_ + "/elsewhere";
  ASSERT_OK(Coffer::create(disk(), other, {.root_uri = key_uri("root.key"), .config = {}}, open_provider));
  std::filesystem::copy_file(other + "/keyring", coffer_path() + "/keyring",
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_EQ(reopen(coffer_path()).code(), Code::kForeign);
  EXPECT_EQ(coffer_->live_keyring().refresh().code(), Code::kForeign);
}

TEST_F(TrustTest, ConfigurationAndKeyringMayLiveApart) {
  std::filesystem::create_directory(root_ + "/etc");
  const std::string config = root_ + "/etc/db.yaml", keyring = root_ + "/db.keyring";
  Coffer::CreateOptions options{.root_uri = key_uri("root.key")};
  options.keyring = keyring;
  ASSERT_OK(Coffer::create(disk(), config, options, open_provider));
  EXPECT_FALSE(std::filesystem::exists(keyring + "/coffer.yaml"));
  auto coffer = reopen(config);
  ASSERT_OK(coffer);
  EXPECT_EQ((*coffer)->directory(), std::filesystem::canonical(keyring).string());
  EXPECT_EQ((*coffer)->config_path(), config);
  auto lost = reopen(keyring);
  EXPECT_EQ(lost.code(), Code::kNotFound);
  EXPECT_THAT(status_text(lost), HasSubstr("name its configuration file"));
  EXPECT_EQ(Coffer::create(disk(), config, options, open_provider).code(), Code::kAlreadyExists);
  EXPECT_TRUE(std::filesystem::exists(config)) << "nothing of the first one is taken away";
  ASSERT_OK(reopen(config));
}

// Findings O1: a copy must not speak for the original.
TEST_F(TrustTest, ACopyOfACofferIsOnlyLookedAt) {
  const std::string copy = root_ + "/copy";
  std::filesystem::copy(coffer_path(), copy, std::filesystem::copy_options::recursive);
  auto refused = reopen(copy);
  EXPECT_EQ(refused.code(), Code::kForeign);
  EXPECT_THAT(status_text(refused), HasSubstr("which is still there"));
  auto looked_at = Coffer::open(disk(), copy, {.may_be_away = true}, open_provider);
  ASSERT_OK(looked_at);
  const std::string before = read(copy + "/keyring"), config_before = read(copy + "/coffer.yaml");
  EXPECT_EQ((*looked_at)->live_keyring().update([](Keyring&) { return Status::ok(); }).code(), Code::kForeign);
  EXPECT_EQ((*looked_at)->live_keyring().rotate_root("").code(), Code::kForeign);
  EXPECT_EQ(rotate_root(**looked_at, key_uri("other.key"), open_provider).code(), Code::kForeign);
  EXPECT_EQ((*looked_at)->edit_config([](std::string_view) { return std::string(); }).code(), Code::kForeign);
  EXPECT_EQ(read(copy + "/keyring"), before);
  EXPECT_EQ(read(copy + "/coffer.yaml"), config_before);
}

TEST_F(TrustTest, ACloneIsACofferOfItsOwnWithTheSameKeys) {
  const std::string copy = root_ + "/copy", clone = root_ + "/clone";
  std::filesystem::copy(coffer_path(), copy, std::filesystem::copy_options::recursive);
  auto looked_at = Coffer::open(disk(), copy, {.may_be_away = true}, open_provider);
  ASSERT_OK(looked_at);
  ASSERT_OK((*looked_at)->clone_to(clone, open_provider));
  auto own = reopen(clone);
  ASSERT_OK(own);
  EXPECT_NE((*own)->keyring()->coffer_id(), coffer_->keyring()->coffer_id());
  EXPECT_EQ((*own)->keyring()->stores().size(), 0u);
  EXPECT_EQ((*own)->keyring()->find_domain(kSystemDomain)->active()->id,
            coffer_->keyring()->find_domain(kSystemDomain)->active()->id);
  // What happens to the one says nothing to the other.
  const std::string before = read(coffer_path() + "/keyring");
  ASSERT_OK(rotate_root(**own, key_uri("other.key"), open_provider));
  ASSERT_OK((*own)->live_keyring().update([](Keyring& keyring) { return keyring.rotate_domain(kSystemDomain, 2); }));
  EXPECT_EQ(read(coffer_path() + "/keyring"), before);
  ASSERT_OK(reopen(coffer_path()));
  EXPECT_EQ((*looked_at)->clone_to(clone, open_provider).code(), Code::kAlreadyExists);
  ASSERT_OK(reopen(clone));
}

TEST_F(TrustTest, AFailureAtAnyStepOfACloneLeavesNothing) {
  uint64_t operation = 1;
  for (;; ++operation) {
    FaultDisk faulty(disk());
    auto coffer = Coffer::open(faulty, coffer_path(), {}, open_provider);
    ASSERT_OK(coffer);
    faulty.arm({.operation = operation, .code = Code::kNoSpace});
    const Status cloned = (*coffer)->clone_to(root_ + "/clone", open_provider);
    if (faulty.fault_count() == 0) break;
    EXPECT_EQ(std::filesystem::exists(root_ + "/clone"), cloned.is_ok()) << operation << ": " << cloned.to_string();
    std::filesystem::remove_all(root_ + "/clone");
  }
  EXPECT_GT(operation, 10u);
  ASSERT_OK(reopen(root_ + "/clone"));
}

TEST_F(TrustTest, AFailureAtAnyStepOfWritingALostConfigurationLeavesItLostOrWhole) {
  const std::string whole = config_text();
  const Coffer::CreateOptions options{.root_uri = key_uri("root.key")};
  uint64_t failures = 0;
  for (uint64_t operation = 1;; ++operation) {
    std::filesystem::remove(config_path());
    FaultDisk faulty(disk());
    faulty.arm({.operation = operation, .code = Code::kNoSpace});
    const Status written = Coffer::restore_config(faulty, coffer_path(), options, open_provider);
    if (faulty.fault_count() == 0) break;
    failures += written.is_ok() ? 0 : 1;
    EXPECT_EQ(std::filesystem::exists(config_path()), written.is_ok()) << operation << ": " << written.to_string();
    EXPECT_TRUE(!written.is_ok() || config_text() == whole) << operation;
    for (const auto& entry : std::filesystem::directory_iterator(coffer_path())) {
      EXPECT_THAT(entry.path().string(), Not(HasSubstr(kTemporaryInfix))) << operation;
    }
  }
  EXPECT_GT(failures, 8u);
  ASSERT_OK(reopen(coffer_path()));
  EXPECT_EQ(config_text(), whole);
}

TEST_F(TrustTest, AMovedCofferSaysWhatToWriteAndThenOpens) {
  const std::string moved = root_ + "/moved";
  std::filesystem::rename(coffer_path(), moved);
  auto refused = reopen(moved);
  EXPECT_EQ(refused.code(), Code::kForeign);
  EXPECT_THAT(status_text(refused), HasSubstr("keyring: " + moved));
  std::string text = read(moved + "/coffer.yaml");
  const std::string old = std::filesystem::canonical(root_).string() + "/coffer\"";
  ASSERT_NE(text.find(old), std::string::npos);
  text.replace(text.find(old), old.size(), moved + "\"");
  write(moved + "/coffer.yaml", text);
  ASSERT_OK(reopen(moved));
}

TEST_F(TrustTest, AnotherNameOfTheSameDirectoryIsNoCopy) {
  std::filesystem::create_directory_symlink(coffer_path(), root_ + "/alias");
  ASSERT_OK(reopen(root_ + "/alias"));
}

TEST_F(TrustTest, ARootIsAddedRotatedToAndTheOldOneGone) {
  auto rotated = rotate_root(*coffer_, key_uri("other.key"), open_provider);
  ASSERT_OK(rotated);
  EXPECT_EQ(rotated->root, "root-2");
  EXPECT_THAT(rotated->removed, testing::ElementsAre("root-1"));
  EXPECT_THAT(config_text(), Not(HasSubstr("root-1")));
  std::filesystem::remove(root_ + "/root.key");
  ASSERT_OK(reopen(coffer_path()));
}

TEST_F(TrustTest, OnSeveralNodesTheNewRootComesFirstAndTheOldOneGoesLast) {
  // Two nodes with a configuration each, and one keyring.
  std::filesystem::create_directory(root_ + "/node2");
  const std::string other_node = root_ + "/node2/db.yaml";
  std::string text = config_text();
  write(other_node, text);
  auto node2 = reopen(other_node);
  ASSERT_OK(node2);
  ASSERT_OK(add_slot(*coffer_, {key_uri("other.key"), "second", true}, open_provider));
  ASSERT_OK(rotate_root(*coffer_, "second", open_provider));
  EXPECT_EQ((*node2)->live_keyring().refresh().code(), Code::kKeyUnavailable) << "it does not believe that one yet";
  EXPECT_EQ(remove_slot(*coffer_, "second", false).code(), Code::kBusy);
  ASSERT_OK(add_slot(**node2, {key_uri("other.key"), "second", true}, open_provider));
  ASSERT_OK((*node2)->live_keyring().refresh());
  for (Coffer* node : {coffer_.get(), node2->get()}) {
    ASSERT_OK(remove_slot(*node, "root-1", false));
    EXPECT_THAT(read(node->config_path()), Not(HasSubstr("root-1")));
  }
  EXPECT_EQ(remove_slot(*coffer_, "root-1", false).code(), Code::kNotFound);
  EXPECT_EQ(rotate_root(*coffer_, "root-1", open_provider).code(), Code::kInvalidArgument);
}

TEST_F(TrustTest, AFailureAtAnyStepOfARotationLeavesACofferThatOpens) {
  uint64_t failures = 0;
  for (uint64_t operation = 1;; ++operation) {
    FaultDisk faulty(disk());
    auto coffer = Coffer::open(faulty, coffer_path(), {}, open_provider);
    ASSERT_OK(coffer);
    const bool to_other = operation % 2 == 1;
    faulty.arm({.operation = operation, .for_good = true, .code = Code::kNoSpace});
    const auto rotated = rotate_root(**coffer, key_uri(to_other ? "other.key" : "root.key"), open_provider);
    auto after = reopen(coffer_path());
    ASSERT_TRUE(after.is_ok()) << "failed at operation " << operation << ": " << status_text(after);
    if (rotated.is_ok()) break;
    ++failures;
    // Repeating it finishes it.
    ASSERT_OK(rotate_root(**after, key_uri(to_other ? "other.key" : "root.key"), open_provider));
  }
  EXPECT_GT(failures, 20u);
}

// Findings O4: what is replaced stays its owner's.
TEST_F(TrustTest, AReplacedKeyringKeepsItsOwnerAndMode) {
  const std::string keyring = coffer_path() + "/keyring";
  ASSERT_EQ(chmod(keyring.c_str(), 0640), 0);
  if (geteuid() == 0) {
    ASSERT_EQ(chown(keyring.c_str(), 65534, 65533), 0);
  }
  ASSERT_OK(coffer_->live_keyring().rotate_root(""));
  struct stat after {};
  ASSERT_EQ(stat(keyring.c_str(), &after), 0);
  EXPECT_EQ(after.st_mode & 07777, 0640u);
  if (geteuid() != 0) return;
  EXPECT_EQ(after.st_uid, 65534u);
  EXPECT_EQ(after.st_gid, 65533u);
}

TEST_F(TrustTest, NoSymbolicLinkIsFollowedWhereAKeyringIs) {
  const std::string keyring = coffer_path() + "/keyring", elsewhere = root_ + "/elsewhere";
  std::filesystem::rename(keyring, elsewhere);
  std::filesystem::create_symlink(elsewhere, keyring);
  const std::string before = read(elsewhere);
  const auto opened = reopen(coffer_path());
  EXPECT_EQ(opened.code(), Code::kInvalidArgument);
  EXPECT_THAT(status_text(opened), HasSubstr(keyring + ": it is a symbolic link"));
  EXPECT_EQ(coffer_->live_keyring().rotate_root("").code(), Code::kInvalidArgument) << "who has it open already";
  EXPECT_EQ(read(elsewhere), before);
  // One that leads nowhere is no way to have a keyring made elsewhere.
  std::filesystem::rename(elsewhere, root_ + "/kept");
  EXPECT_EQ(reopen(coffer_path()).code(), Code::kInvalidArgument);
  EXPECT_FALSE(coffer_->live_keyring().rotate_root("").is_ok());
  EXPECT_FALSE(std::filesystem::exists(elsewhere));
  // What the message says.
  std::filesystem::rename(root_ + "/kept", keyring);
  ASSERT_OK(reopen(coffer_path()));
}

TEST_F(TrustTest, AConfigurationMayBeALinkAndIsEditedWhereItIs) {
  std::filesystem::create_directory(root_ + "/etc");
  const std::string real = root_ + "/etc/db.yaml";
  std::filesystem::rename(config_path(), real);
  std::filesystem::create_symlink(real, config_path());
  auto linked = reopen(coffer_path());
  ASSERT_OK(linked);
  ASSERT_OK(rotate_root(**linked, key_uri("other.key"), open_provider));
  EXPECT_TRUE(std::filesystem::is_symlink(config_path()));
  EXPECT_THAT(read(real), HasSubstr("root-2"));
  ASSERT_OK(reopen(coffer_path()));
  // What it leads to is what others must not be able to write.
  ASSERT_EQ(chmod(real.c_str(), 0666), 0);
  EXPECT_EQ(reopen(coffer_path()).code(), Code::kPermissionDenied);
}

TEST_F(TrustTest, AnInitThatFailsTakesNothingOfAnothersAway) {
  const std::string keyring = root_ + "/k";
  Coffer::CreateOptions options{.root_uri = key_uri("root.key")};
  options.keyring = keyring;
  ASSERT_OK(Coffer::create(disk(), root_ + "/first.yaml", options, open_provider));
  const std::string before = read(keyring + "/keyring");
  EXPECT_EQ(Coffer::create(disk(), root_ + "/second.yaml", options, open_provider).code(), Code::kAlreadyExists);
  EXPECT_EQ(read(keyring + "/keyring"), before);
  EXPECT_FALSE(std::filesystem::exists(root_ + "/second.yaml"));
  ASSERT_OK(reopen(root_ + "/first.yaml"));
}

TEST_F(TrustTest, NoSymbolicLinkIsFollowedWhereALockIsMade) {
  std::filesystem::remove(coffer_path() + "/keyring.lock");
  std::filesystem::create_symlink(root_ + "/victim", coffer_path() + "/keyring.lock");
  EXPECT_EQ(coffer_->live_keyring().rotate_root("").code(), Code::kInvalidArgument);
  EXPECT_FALSE(std::filesystem::exists(root_ + "/victim"));
}

}  // namespace
}  // namespace coffer
