// The newest keyring version in NV indices of swtpm.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "coffer/config/key_file.h"
#include "coffer/config/sealed_value.h"
#include "coffer/crypto/random.h"
#include "coffer/io/disk.h"
#include "coffer/providers/registry.h"
#include "coffer/providers/tpm/nv_index.h"
#include "coffer/store/coffer.h"
#include "providers/tpm/soft_tpm.h"

namespace coffer {
namespace {

KeyringMark mark(uint64_t version, uint8_t hash = 1) {
  KeyringMark out;
  out.version = version;
  out.hash.fill(hash);
  return out;
}

class TpmAnchor : public testing::Test {
 protected:
  static constexpr uint32_t kIndex = 0x1500016;

  std::string place(const std::string& options = "") const { return "tpm:0x1500016?tcti=" + tpm_.tcti() + options; }
  std::unique_ptr<VersionAnchor> open(const std::string& options = "") {
    auto anchor = open_anchor(Disk::posix(), {place(options), coffer_id_, tpm_.path(".")});
    EXPECT_TRUE(anchor.is_ok()) << anchor.status().to_string();
    return std::move(anchor).value();
  }
  std::optional<KeyringMark> loaded() {
    auto found = open()->load();
    EXPECT_TRUE(found.is_ok()) << found.status().to_string();
    return found.is_ok() ? *found : std::nullopt;
  }
  // What somebody does to index number `number` behind Coffer's back.
  template <class Work>
  Status tamper(uint32_t number, Work work) {
    COFFER_ASSIGN(const auto device, tpm::Device::open(tpm_.tcti()));
    COFFER_ASSIGN(tpm::NvIndex index, tpm::NvIndex::open(*device, kIndex + number, {}));
    return work(index);
  }

  SoftTpm tpm_;
  Id coffer_id_ = random_id().value();
};

TEST_F(TpmAnchor, RemembersTheNewestVersionAndNeverGoesBack) {
  EXPECT_EQ(loaded(), std::nullopt);
  for (const uint64_t version : {7, 8, 9, 12}) {
    const Status status = open()->advance(mark(version));
    ASSERT_TRUE(status.is_ok()) << status.to_string();
    EXPECT_EQ(loaded(), mark(version));
  }
  EXPECT_TRUE(open()->advance(mark(8)).is_ok()) << "as a file's";
  EXPECT_TRUE(open()->advance(mark(12)).is_ok());
  EXPECT_EQ(loaded(), mark(12));
  EXPECT_EQ(open()->advance(mark(12, 2)).code(), Code::kDiverged);
  tpm_.stop();
  EXPECT_EQ(open()->load().code(), Code::kProviderUnavailable);
  tpm_.start();
  EXPECT_EQ(loaded(), mark(12));
}

TEST_F(TpmAnchor, ItsRecordCannotBeSetBackNorItsBaseMoved) {
  ASSERT_TRUE(open()->advance(mark(7)).is_ok());
  Bytes old;
  ASSERT_TRUE(tamper(2, [&](tpm::NvIndex& record) -> Status {
                COFFER_ASSIGN(old, record.read(40));
                return Status::ok();
              }).is_ok());
  ASSERT_TRUE(open()->advance(mark(8)).is_ok());
  ASSERT_TRUE(tamper(2, [&](tpm::NvIndex& record) { return record.write(old); }).is_ok());
  EXPECT_EQ(open()->load().code(), Code::kTampered);
  EXPECT_EQ(open()->advance(mark(9)).code(), Code::kTampered);
  EXPECT_FALSE(tamper(1, [&](tpm::NvIndex& identity) { return identity.write(Bytes(24, 0)); }).is_ok()) << "locked";
}

TEST_F(TpmAnchor, AnAdvanceThatWasInterruptedIsFinishedByTheNext) {
  ASSERT_TRUE(open()->advance(mark(7)).is_ok());
  Bytes next(40, 1);
  const uint8_t eight[8] = {8};
  std::copy(eight, eight + 8, next.begin());
  ASSERT_TRUE(tamper(2, [&](tpm::NvIndex& record) { return record.write(next); }).is_ok());
  EXPECT_EQ(loaded(), mark(8)) << "written, but not counted yet";
  ASSERT_TRUE(open()->advance(mark(8)).is_ok());
  ASSERT_TRUE(open()->advance(mark(9)).is_ok());
  EXPECT_EQ(loaded(), mark(9));
}

TEST_F(TpmAnchor, MakingItThatWasInterruptedIsBegunAnew) {
  ASSERT_TRUE(open()->advance(mark(7)).is_ok());
  ASSERT_TRUE(tamper(2, [](tpm::NvIndex& record) { return record.remove({}); }).is_ok());
  EXPECT_EQ(loaded(), std::nullopt) << "the record comes last";
  ASSERT_TRUE(open()->advance(mark(8)).is_ok());
  EXPECT_EQ(loaded(), mark(8));
  ASSERT_TRUE(tamper(0, [](tpm::NvIndex& counter) { return counter.remove({}); }).is_ok());
  EXPECT_EQ(open()->load().code(), Code::kTampered);
}

TEST_F(TpmAnchor, AnotherCoffersAnchorIsRefused) {
  ASSERT_TRUE(open()->advance(mark(7)).is_ok());
  coffer_id_ = random_id().value();
  EXPECT_EQ(open()->load().code(), Code::kInvalidArgument);
  EXPECT_EQ(open()->advance(mark(8)).code(), Code::kInvalidArgument);
}

TEST_F(TpmAnchor, PasswordsOfTheIndicesAndOfTheOwnerAreAskedFor) {
  ASSERT_TRUE(replace_file(Disk::posix(), tpm_.path("password"), as_bytes("p"), 0600).is_ok());
  ASSERT_TRUE(replace_file(Disk::posix(), tpm_.path("owner"), as_bytes("o"), 0600).is_ok());
  const std::string mine = "&auth_file=" + tpm_.path("password");
  tpm_.set_owner_password("o");
  EXPECT_EQ(open(mine)->advance(mark(1)).code(), Code::kPermissionDenied);
  ASSERT_TRUE(open(mine + "&owner_auth_file=" + tpm_.path("owner"))->advance(mark(1)).is_ok());
  ASSERT_TRUE(open(mine)->advance(mark(2)).is_ok()) << "the owner is needed for making it only";
  EXPECT_EQ(open(mine)->load().value(), mark(2));
  EXPECT_EQ(open()->load().code(), Code::kPermissionDenied);
}

TEST_F(TpmAnchor, ASealedPasswordIsOpenedByTheKeyThatTheConfigurationNames) {
  const std::string sealing_key = tpm_.path("sealing.key"), directory = tpm_.path("c.coffer");
  ASSERT_TRUE(generate_key_file(Disk::posix(), sealing_key, {}).is_ok());
  const KeyFile key = read_key_file(Disk::posix(), sealing_key).value();
  const std::string sealed = seal_value(key.key, {"auth", "tpm", ""}, SecretBytes::copy_of(as_bytes("p"))).value();
  ASSERT_TRUE(replace_file(Disk::posix(), tpm_.path("password"), as_bytes("p"), 0600).is_ok());
  ASSERT_TRUE(replace_file(Disk::posix(), tpm_.path("root.key"), Bytes(32, 0xc5), 0600).is_ok());
  Coffer::CreateOptions create;
  create.root_uri = tpm_.path("root.key");
  create.config.anchor = place("&auth_sealed=" + encode_uri_option(sealed));
  create.config.providers.sealing_key = sealing_key;
  create.open_anchor = open_anchor;
  const Status made = Coffer::create(Disk::posix(), directory, create, open_provider);
  ASSERT_TRUE(made.is_ok()) << made.to_string();
  Coffer::OpenOptions options;
  options.open_anchor = open_anchor;
  auto coffer = Coffer::open(Disk::posix(), directory, options, open_provider);
  ASSERT_TRUE(coffer.is_ok()) << coffer.status().to_string();
  coffer_id_ = (*coffer)->keyring()->coffer_id();
  EXPECT_TRUE(open("&auth_file=" + tpm_.path("password"))->load().value().has_value());
  EXPECT_EQ(open("&auth_sealed=" + encode_uri_option(sealed))->load().code(), Code::kInvalidArgument) << "no key";
}

TEST_F(TpmAnchor, WhatIsNoIndexIsRefused) {
  for (const char* text : {"tpm:", "tpm:1500016", "tpm:0x", "tpm:0x1500016z", "tpm:0x81000001", "tpm:0x1fffffe",
                           "tpm://h/0x1500016", "tpm:0x1500016?pcrs=sha256:7", "tpm:0x1500016?tcti=cmd:x"}) {
    EXPECT_EQ(open_anchor(Disk::posix(), {text, coffer_id_, "/"}).code(), Code::kInvalidArgument) << text;
  }
  EXPECT_EQ(open_anchor_at_path(Disk::posix(), {place(), coffer_id_, "/"}).code(), Code::kUnsupported);
}

TEST_F(TpmAnchor, ProcessesThatAdvanceAtOnceCountEachVersionOnce) {
  ASSERT_TRUE(open()->advance(mark(1)).is_ok());
  std::vector<pid_t> children;
  for (uint64_t version = 2; version <= 4; ++version) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(open()->advance(mark(version)).is_ok() ? 0 : 1);
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(loaded(), mark(4));
}

TEST_F(TpmAnchor, ARolledBackKeyringIsNoticed) {
  const std::string directory = tpm_.path("c.coffer"), root = tpm_.path("root.key");
  ASSERT_TRUE(replace_file(Disk::posix(), root, Bytes(32, 0xc5), 0600).is_ok());
  Coffer::CreateOptions create;
  create.root_uri = root;
  create.config.anchor = place();
  create.open_anchor = open_anchor;
  const Status made = Coffer::create(Disk::posix(), directory, create, open_provider);
  ASSERT_TRUE(made.is_ok()) << made.to_string();
  Coffer::OpenOptions options;
  options.open_anchor = open_anchor;
  const Bytes old = read_file(Disk::posix(), directory + "/keyring", 1 << 20).value();
  {
    auto coffer = Coffer::open(Disk::posix(), directory, options, open_provider);
    ASSERT_TRUE(coffer.is_ok()) << coffer.status().to_string();
    ASSERT_TRUE((*coffer)
                    ->live_keyring()
                    .update([](Keyring& keyring) { return keyring.rotate_domain(kSystemDomain, 1); })
                    .is_ok());
  }
  ASSERT_TRUE(Coffer::open(Disk::posix(), directory, options, open_provider).is_ok());
  ASSERT_TRUE(replace_file(Disk::posix(), directory + "/keyring", old, 0600).is_ok());
  EXPECT_EQ(Coffer::open(Disk::posix(), directory, options, open_provider).code(), Code::kRolledBack);
}

}  // namespace
}  // namespace coffer
