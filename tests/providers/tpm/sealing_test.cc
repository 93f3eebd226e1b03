// Root keys sealed to swtpm: what unseals them, and what the errors say when nothing does.
#include "coffer/providers/tpm/sealing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "coffer/crypto/kdf.h"
#include "coffer/crypto/random.h"
#include "coffer/io/disk.h"
#include "coffer/ops/nodes.h"
#include "coffer/providers/fetched_root.h"
#include "coffer/providers/registry.h"
#include "coffer/store/coffer.h"
#include "providers/tpm/soft_tpm.h"
#include "support/comes.h"
#include "support/memory_search.h"
#include "support/message_of.h"

namespace coffer {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class TpmSealing : public testing::Test {
 protected:
  TpmSealing() {
    context_.coffer_id = random_id().value();
    context_.slot_id = random_id().value();
    key_ = random_key<KeyringRole>(32).value();
  }

  std::string uri(const std::string& options = "") const {
    return "tpm:" + tpm_.path("root.tpm") + "?tcti=" + tpm_.tcti() + options;
  }
  static std::unique_ptr<RootKeyProvider> open(const std::string& uri) { return open_provider(uri).value(); }
  // Makes a key with these options, and wraps under it.
  void make(const std::string& options) {
    auto maker = open(uri(options + "&create=true"));
    auto handle = maker->current();
    ASSERT_TRUE(handle.is_ok()) << handle.status().to_string();
    handle_ = *handle;
    auto wrapped = maker->wrap(handle_, context_, key_);
    ASSERT_TRUE(wrapped.is_ok()) << wrapped.status().to_string();
    wrapped_ = *wrapped;
  }
  Status unwraps(const std::string& options = "") {
    auto key = open(uri(options))->unwrap(handle_, context_, wrapped_);
    if (!key.is_ok()) return key.status();
    return equal_constant_time(key->reveal(), key_.reveal()) ? Status::ok() : Status(Code::kInternal, "another key");
  }
  void write(const std::string& name, std::string_view contents) {
    ASSERT_TRUE(replace_file(Disk::posix(), tpm_.path(name), as_bytes(contents), 0600).is_ok());
  }

  SoftTpm tpm_;
  WrapContext context_;
  KeyringKey key_;
  RootKeyHandle handle_;
  WrappedKeyringKey wrapped_;
};

TEST_F(TpmSealing, AKeyIsMadeOnlyWhenAskedForAndUnsealsAfterARestart) {
  EXPECT_EQ(open(uri())->current().code(), Code::kNotFound);
  make("");
  struct stat info;
  ASSERT_EQ(::stat(tpm_.path("root.tpm").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  EXPECT_TRUE(unwraps().is_ok()) << unwraps().to_string();
  EXPECT_EQ(open(uri("&create=true"))->current().value(), handle_) << "made once";
  EXPECT_THAT(open(uri("&create=true"))->uri(), Not(HasSubstr("create")));
  tpm_.stop();
  EXPECT_EQ(unwraps().code(), Code::kProviderUnavailable);
  EXPECT_THAT(message_of(unwraps()), AllOf(HasSubstr(tpm_.tcti()), HasSubstr("set tcti=")));
  tpm_.start();
  EXPECT_TRUE(unwraps().is_ok()) << unwraps().to_string();
}

TEST_F(TpmSealing, AnotherMachineDoesNotUnsealIt) {
  make("");
  tpm_.restart_as_another_machine();
  EXPECT_EQ(unwraps().code(), Code::kKeyUnavailable);
  EXPECT_THAT(message_of(unwraps()), HasSubstr("another TPM sealed it"));
  EXPECT_EQ(open(uri())->current().code(), Code::kKeyUnavailable);
}

TEST_F(TpmSealing, ChangedPcrsDoNotUnsealAndAreNamed) {
  make("&pcrs=sha256:0,7,16");
  EXPECT_TRUE(unwraps().is_ok()) << unwraps().to_string();
  tpm_.extend_pcr(5);
  EXPECT_TRUE(unwraps().is_ok()) << "not one of them: " << unwraps().to_string();
  tpm_.extend_pcr(7);
  EXPECT_EQ(unwraps().code(), Code::kKeyUnavailable);
  EXPECT_THAT(message_of(unwraps()), HasSubstr("PCRs have changed since it was sealed: sha256:7;"));
  tpm_.extend_pcr(0);
  EXPECT_THAT(message_of(unwraps()), HasSubstr("sha256:0,7;"));
  tpm_.stop();
  tpm_.start();  // PCRs begin anew
  EXPECT_TRUE(unwraps().is_ok()) << unwraps().to_string();
}

TEST_F(TpmSealing, ThePasswordAloneDoesNotGetAroundThePcrs) {
  write("password", "p");
  make("&pcrs=sha256:16&auth_file=" + tpm_.path("password"));
  EXPECT_TRUE(unwraps("&auth_file=" + tpm_.path("password")).is_ok());
  tpm_.extend_pcr(16);
  EXPECT_EQ(unwraps("&auth_file=" + tpm_.path("password")).code(), Code::kKeyUnavailable);
}

TEST_F(TpmSealing, AWrongPasswordIsRefusedHoweverOftenAndTheRightOneStillServes) {
  write("password", "open sesame");
  write("wrong", "abracadabra");
  make("&auth_file=" + tpm_.path("password"));
  for (int round = 0; round < 40; ++round) {
    ASSERT_EQ(unwraps("&auth_file=" + tpm_.path("wrong")).code(), Code::kPermissionDenied) << round;
  }
  EXPECT_THAT(message_of(unwraps("&auth_file=" + tpm_.path("wrong"))), HasSubstr("auth_file"));
  EXPECT_EQ(unwraps().code(), Code::kPermissionDenied);
  EXPECT_THAT(message_of(unwraps()), HasSubstr("add auth_file=/PATH"));
  EXPECT_TRUE(unwraps("&auth_file=" + tpm_.path("password")).is_ok()) << "no lockout";
}

TEST_F(TpmSealing, TheOwnersPasswordIsGivenWhereThereIsOne) {
  tpm_.set_owner_password("owner");
  auto refused = open(uri("&create=true"))->current();
  EXPECT_EQ(refused.code(), Code::kPermissionDenied);
  EXPECT_THAT(message_of(refused.status()), HasSubstr("owner_auth_file"));
  EXPECT_EQ(open(uri())->current().code(), Code::kNotFound) << "nothing was written";
  write("owner", "owner\n");
  make("&owner_auth_file=" + tpm_.path("owner"));
  EXPECT_TRUE(unwraps("&owner_auth_file=" + tpm_.path("owner")).is_ok());
}

TEST_F(TpmSealing, OtherPcrsThanItIsSealedToAreAnError) {
  make("&pcrs=sha256:7");
  auto other = open(uri("&pcrs=sha256:0,7"))->current();
  EXPECT_EQ(other.code(), Code::kInvalidArgument);
  EXPECT_THAT(message_of(other.status()), AllOf(HasSubstr("sha256:7,"), HasSubstr("says sha256:0,7")));
  EXPECT_TRUE(open(uri("&pcrs=sha256:7"))->current().is_ok());
}

TEST_F(TpmSealing, WhatIsWrongWithTheFileIsSaidPrecisely) {
  make("");
  const Bytes whole = read_file(Disk::posix(), tpm_.path("root.tpm"), 4096).value();
  ASSERT_TRUE(replace_file(Disk::posix(), tpm_.path("root.tpm"), ByteView(whole).first(200), 0600).is_ok());
  EXPECT_EQ(unwraps().code(), Code::kTruncated);
  write("root.tpm", "something else");
  EXPECT_EQ(unwraps().code(), Code::kInvalidArgument);
  tpm::SealedFile altered = tpm::decode(whole).value();
  altered.private_area.back() ^= 1;
  const Bytes bytes = tpm::encode(altered).value();
  ASSERT_TRUE(replace_file(Disk::posix(), tpm_.path("root.tpm"), bytes, 0600).is_ok());
  EXPECT_EQ(unwraps().code(), Code::kTampered);
  altered.private_area = Bytes(3, 0);
  ASSERT_TRUE(replace_file(Disk::posix(), tpm_.path("root.tpm"), tpm::encode(altered).value(), 0600).is_ok());
  EXPECT_EQ(unwraps().code(), Code::kTampered);
}

TEST_F(TpmSealing, AnotherSealedKeyUnderTheFilesNameIsTheWrongOne) {
  make("");
  auto device = tpm::Device::open(tpm_.tcti());
  ASSERT_TRUE(device.is_ok()) << device.status().to_string();
  const RootKey mine = random_key<RootRole>(32).value();
  tpm::SealedFile forged = tpm::seal(**device, mine, {}, {}).value();
  device->reset();
  const std::string claimed = decode_handle("tpm", handle_)->front();
  std::copy(claimed.begin(), claimed.end(), forged.fingerprint.begin());
  ASSERT_TRUE(replace_file(Disk::posix(), tpm_.path("root.tpm"), tpm::encode(forged).value(), 0600).is_ok());
  EXPECT_EQ(unwraps().code(), Code::kWrongKey);
}

TEST_F(TpmSealing, ManyProcessesThatMakeTheKeyAtOnceAgreeOnOne) {
  std::vector<pid_t> children;
  for (int i = 0; i < 3; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      auto provider = open(uri("&create=true"));
      for (int round = 0; round < 100; ++round) {
        const Status status = provider->current().status();
        if (status.is_ok()) ::_exit(0);
        if (status.code() != Code::kBusy && status.code() != Code::kProviderUnavailable) ::_exit(1);
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
      ::_exit(2);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  EXPECT_TRUE(open(uri())->current().is_ok());
}

// In the memory of this process; the TPM's own is another's.
TEST_F(TpmSealing, TheRootKeyIsNowhereInMemoryAfterUse) {
  auto device = tpm::Device::open(tpm_.tcti());
  ASSERT_TRUE(device.is_ok());
  std::optional<RootKey> root(random_key<RootRole>(32).value());
  const Needle needle(root->reveal());
  const tpm::SealedFile file = tpm::seal(**device, *root, tpm::parse_pcrs("sha256:7").value(), {}).value();
  EXPECT_GE(find(needle).secret, 1u) << "the control";
  EXPECT_EQ(find(needle).other, 0u) << "after sealing";
  root.reset();
  EXPECT_EQ(find(needle).secret, 0u);
  root.emplace(tpm::unseal(**device, file, {}).value());
  EXPECT_GE(find(needle).secret, 1u);
  EXPECT_EQ(find(needle).other, 0u) << "after unsealing";
  root.reset();
  device->reset();
  EXPECT_EQ(find(needle).secret, 0u);
  EXPECT_EQ(find(needle).other, 0u) << "after the conversation";
}

TEST_F(TpmSealing, NorIsItAfterTheProviderWrappedAndUnwrapped) {
  make("");
  const tpm::SealedFile file = tpm::decode(read_file(Disk::posix(), tpm_.path("root.tpm"), 4096).value()).value();
  std::optional<Needle> needle;
  {
    auto device = tpm::Device::open(tpm_.tcti());
    ASSERT_TRUE(device.is_ok());
    needle.emplace(tpm::unseal(**device, file, {}).value().reveal());
  }
  ASSERT_TRUE(unwraps().is_ok());
  EXPECT_EQ(find(*needle).secret, 0u);
  EXPECT_EQ(find(*needle).other, 0u);
}

// The root key of a coffer is in one TPM, which stops answering; what opens it meanwhile is sealed by another one.
TEST(TpmLocalUnlock, OpensTheCofferOnTheMachineOfThatTpmOnly) {
  SoftTpm root, machine;
  const std::string path = machine.path("c.coffer"), unlock = machine.path("unlock");
  ASSERT_TRUE(Disk::posix().make_directory(unlock, 0700).is_ok());
  Coffer::CreateOptions create;
  create.root_uri = "root-1";
  create.config_text = "version: 1\nroots: {root-1: {uri: 'tpm:" + root.path("root.tpm") +
                       "?create=true&tcti=" + root.tcti() +
                       "'}}\npolicy: {local_unlock: {key: 'tpm:" + machine.path("unlock.tpm") +
                       "?create=true&tcti=" + machine.tcti() + "', directory: " + unlock + "}}\n";
  const Status made = Coffer::create(Disk::posix(), path, create, open_provider);
  ASSERT_TRUE(made.is_ok()) << made.to_string();
  const auto open = [&] { return Coffer::open(Disk::posix(), path, {}, open_provider); };
  {
    const auto coffer = open();
    ASSERT_TRUE(coffer.is_ok()) << coffer.status().to_string();
    (*coffer)->watch_keys();
    const std::string copy = unlock + "/" + (*coffer)->config().coffer_id.hex();
    for (int wait = 0; wait < 1000 && !Disk::posix().info(copy).is_ok(); ++wait) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    ASSERT_TRUE(Disk::posix().info(copy).is_ok()) << (*coffer)->live_keyring().condition().root_memory.to_string();
  }
  root.stop();
  {
    const auto coffer = open();
    ASSERT_TRUE(coffer.is_ok()) << coffer.status().to_string();
    EXPECT_TRUE((*coffer)->live_keyring().condition().opened_locally);
  }
  machine.restart_as_another_machine();
  EXPECT_EQ(open().code(), Code::kKeyUnavailable) << "the disk was put into another machine";
}

TEST(TpmNodeSlot, StartsANodeOnTheMachineOfThatTpmOnly) {
  SoftTpm root, machine;
  const std::string path = machine.path("c.coffer");
  Coffer::CreateOptions create;
  create.root_uri = "root-1";
  create.config_text = "version: 1\nroots:\n  root-1: {uri: 'tpm:" + root.path("root.tpm") + "?create=true&tcti=" +
                       root.tcti() + "'}\n  node: {uri: 'tpm:" + machine.path("node.tpm") + "?create=true&tcti=" +
                       machine.tcti() + "'}\npolicy: {node_slots: 1h}\n";
  const Status made = Coffer::create(Disk::posix(), path, create, open_provider);
  ASSERT_TRUE(made.is_ok()) << made.to_string();
  const auto start = [&] { return Coffer::open(Disk::posix(), path, {.waits_its_turn = true}, open_provider); };
  {
    const auto coffer = start();
    ASSERT_TRUE(coffer.is_ok()) << coffer.status().to_string();
    const auto node = NodeIdentity::create("n1", (*coffer)->config().coffer_id);
    const Status kept = keep_node_identity(**coffer, *node, "node", open_provider);
    ASSERT_TRUE(kept.is_ok()) << kept.to_string();
    const auto request = make_join_request(**coffer, open_provider);
    ASSERT_TRUE(request.is_ok() && enrol_node(**coffer, *request, open_provider).is_ok());
    (*coffer)->watch_keys();
    EXPECT_TRUE(comes([&] { return Disk::posix().info(path + "/node.pin").is_ok(); }));
  }
  root.stop();
  {
    const auto coffer = start();
    ASSERT_TRUE(coffer.is_ok()) << coffer.status().to_string();
    EXPECT_TRUE((*coffer)->live_keyring().condition().opened_by_node_slot);
  }
  machine.restart_as_another_machine();
  EXPECT_EQ(start().code(), Code::kProviderUnavailable) << "the disk was put into another machine";
}

}  // namespace
}  // namespace coffer
