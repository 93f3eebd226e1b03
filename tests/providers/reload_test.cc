// Provider settings are read anew whenever the keyring has to be unlocked: a running process follows what an operator
// changes in coffer.yaml.
#include <gtest/gtest.h>

#include <thread>

#include "coffer/config/key_file.h"
#include "coffer/crypto/random.h"
#include "coffer/providers/registry.h"
#include "coffer/store/coffer.h"
#include "io/temporary_directory.h"

namespace coffer {
namespace {

class Reload : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"a.key", "b.key"}) {
      ASSERT_TRUE(generate_key_file(Disk::posix(), directory_ / name, {}).is_ok());
    }
    Coffer::CreateOptions options;
    options.root_uri = "root-1";
    options.config_text =
        "version: 1\nroots: {root-1: {uri: 'provider:root'}}\nkey_providers:\n  root:\n    uri: file://" +
        (directory_ / "a.key") + "\n";
    const Status made = Coffer::create(Disk::posix(), path_, options, open_provider);
    ASSERT_TRUE(made.is_ok()) << made.to_string();
  }

  // As an operator does with an editor.
  void edit(const std::string& before, const std::string& after) {
    std::string text(as_text(read_file(Disk::posix(), path_ + "/coffer.yaml", kConfigSizeMax).value()));
    const size_t at = text.find(before);
    ASSERT_NE(at, std::string::npos) << text;
    text.replace(at, before.size(), after);
    ASSERT_TRUE(replace_file(Disk::posix(), path_ + "/coffer.yaml", as_bytes(text), 0644).is_ok());
  }
  void point_to(const std::string& key) { edit("a.key", key); }
  std::shared_ptr<Coffer> open() {
    auto coffer = Coffer::open(Disk::posix(), path_, {}, open_provider);
    EXPECT_TRUE(coffer.is_ok()) << coffer.status().to_string();
    return coffer.is_ok() ? *coffer : nullptr;
  }
  // As another process does it: what it knows, it knows from the disk.
  void rotate_from_outside() {
    const Status rotated = open()->live_keyring().rotate_root("");
    ASSERT_TRUE(rotated.is_ok()) << rotated.to_string();
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_ / "c.coffer";
};

TEST_F(Reload, ARunningProcessFollowsAProviderThatWasMoved) {
  const std::shared_ptr<Coffer> running = open();
  ASSERT_NE(running, nullptr);
  const uint64_t version = running->keyring()->version();
  // The same key at another address; then a rotation, whose new keyring key has to be unwrapped there.
  ASSERT_TRUE(Disk::posix().rename(directory_ / "a.key", directory_ / "moved.key").is_ok());
  point_to("moved.key");
  rotate_from_outside();
  auto file = running->new_file({.chunk_log2 = 12, .store_id = random_id().value()});
  ASSERT_TRUE(file.is_ok()) << file.status().to_string();
  // The file did not wait for the provider; the keyring comes when it has answered.
  for (int i = 0; i < 2000 && running->keyring()->version() == version; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_TRUE(running->live_keyring().condition().last_refresh.is_ok())
      << running->live_keyring().condition().last_refresh.to_string();
  EXPECT_EQ(running->keyring()->version(), version + 1);
}

TEST_F(Reload, ARunningProcessFollowsARotationToAnotherKeyUnderTheSameName) {
  const std::shared_ptr<Coffer> running = open();
  ASSERT_NE(running, nullptr);
  const uint64_t version = running->keyring()->version();
  const std::shared_ptr<Coffer> outside = open();
  // Who rotates still has the keyring key, so the name may point to the new root key already.
  point_to("b.key");
  const Status rotated = outside->live_keyring().rotate_root("");
  ASSERT_TRUE(rotated.is_ok()) << rotated.to_string();
  ASSERT_TRUE(running->live_keyring().refresh().is_ok());
  EXPECT_EQ(running->keyring()->version(), version + 1);
  ASSERT_TRUE(Disk::posix().remove(directory_ / "a.key").is_ok());
  EXPECT_NE(open(), nullptr) << "the old key is no longer needed";
}

TEST_F(Reload, SettingsThatAreWrongDoNotStopWhatRuns) {
  const std::shared_ptr<Coffer> running = open();
  ASSERT_NE(running, nullptr);
  const uint64_t version = running->keyring()->version();
  rotate_from_outside();
  edit("uri: file:", "uri: nothing:");
  auto file = running->new_file({.chunk_log2 = 12, .store_id = random_id().value()});
  ASSERT_TRUE(file.is_ok()) << "it goes on with the keys it has: " << file.status().to_string();
  EXPECT_FALSE(running->live_keyring().condition().last_refresh.is_ok()) << "and says why";
  EXPECT_EQ(running->keyring()->version(), version);
}

}  // namespace
}  // namespace coffer
