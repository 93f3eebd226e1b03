// Starts of nodes by their own slots: without asking for the root key, for as long as the policy has it, and not for
// who was removed.
#include <mutex>
#include <thread>

#include "coffer/base/clock.h"
#include "coffer/config/config_edit.h"
#include "coffer/ops/nodes.h"
#include "coffer_fixture.h"
#include "support/comes.h"

namespace coffer {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

// How the provider of the root key is found: ok, or what it answers.
std::mutex slots_root_mutex;
Status slots_root;

Result<std::unique_ptr<RootKeyProvider>> open_when_there(const ProviderUri& uri, const ProviderConfig& config) {
  if (!uri.path.ends_with("/node.key")) {
    std::lock_guard lock(slots_root_mutex);
    COFFER_TRY(slots_root);
  }
  return open_provider(uri, config);
}

class NodeSlotStarts : public CofferFixture {
 protected:
  void SetUp() override {
    find_root(Status::ok());
    CofferFixture::SetUp();
    write_key_file("node.key", 'n');
    set_policy("1h");
    ASSERT_OK(coffer_->edit_config([&](std::string_view yaml) {
      return with_root(yaml, "node", {.uri = *parse_provider_uri(key_uri("node.key")), .fingerprint = {}},
                       "coffer.yaml");
    }));
    coffer_ = open_coffer();
    enrol("db-1", "node");
    serve_once();
  }
  void TearDown() override {
    CofferFixture::TearDown();
    find_root(Status::ok());
  }

  static void find_root(const Status& found) {
    std::lock_guard lock(slots_root_mutex);
    slots_root = found;
  }
  static void lose_root() { find_root({Code::kProviderUnavailable, "nobody answers"}); }
  void set_policy(const std::string& node_slots) const {
    const std::string path = coffer_path() + "/coffer.yaml", before = read(path);
    write(path, before.substr(0, before.find("policy:")) + "policy:\n  node_slots: " + node_slots + "\n");
  }
  void enrol(std::string_view name, const std::string& seal) {
    auto made = NodeIdentity::create(name, coffer_->config().coffer_id);
    ASSERT_OK(keep_node_identity(*coffer_, *made, seal, open_provider));
    const auto request = make_join_request(*coffer_, open_provider);
    ASSERT_OK(request);
    ASSERT_OK(enrol_node(*coffer_, *request, open_provider));
  }

  // A program that serves.
  Result<std::shared_ptr<Coffer>> start() const {
    return Coffer::open(disk(), coffer_path(), {.waits_its_turn = true}, open_when_there);
  }
  Code code_of_start() const {
    const auto coffer = start();
    return coffer.code();
  }
  Code code_of_start_without_root() const {
    lose_root();
    const Code out = code_of_start();
    find_root(Status::ok());
    return out;
  }
  std::string pin_path() const { return coffer_path() + "/node.pin"; }
  // Until it has kept what it believes.
  void serve_once() const {
    std::filesystem::remove(pin_path());
    auto serving = start();
    ASSERT_OK(serving);
    (*serving)->watch_keys();
    ASSERT_TRUE(comes([&] { return std::filesystem::exists(pin_path()); }));
  }
  static void look_often(Coffer& coffer) {
    coffer.live_keyring().look_at_least_every(milliseconds(10));
    coffer.watch_keys();
  }
  std::map<std::string, std::string> slots() const {
    std::map<std::string, std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(coffer_path() + "/slots.d")) {
      out[entry.path().string()] = read(entry.path().string());
    }
    return out;
  }
};

TEST_F(NodeSlotStarts, AProgramThatServesStartsWithoutTheRootKey) {
  lose_root();
  const auto serving = start();
  ASSERT_OK(serving);
  const KeyringCondition condition = (*serving)->live_keyring().condition();
  EXPECT_TRUE(condition.opened_by_node_slot);
  EXPECT_LE(condition.root_key_answered, now_seconds());
  uint64_t seen = 0;
  EXPECT_THAT((*serving)->live_keyring().news_since(seen), HasSubstr("in use, opened by this node's slot"));
  NewFileRequest request;
  request.chunk_log2 = 10;
  EXPECT_EQ((*serving)->new_file(request).code(), Code::kOk);
  const auto command = Coffer::open(disk(), coffer_path(), {}, open_when_there);
  EXPECT_EQ(command.code(), Code::kProviderUnavailable) << "a command asks for the root key";
}

TEST_F(NodeSlotStarts, WithoutThePolicyItTakesTheRootKey) {
  set_policy("off");
  EXPECT_EQ(code_of_start_without_root(), Code::kProviderUnavailable);
  EXPECT_EQ(code_of_start(), Code::kOk);
}

TEST_F(NodeSlotStarts, LongerAgoThanThePolicyHasItTakesTheRootKeyAndSaysSo) {
  set_policy("1s");
  std::this_thread::sleep_for(milliseconds(2100));
  EXPECT_EQ(code_of_start_without_root(), Code::kProviderUnavailable);
  const auto serving = start();
  ASSERT_OK(serving);
  EXPECT_FALSE((*serving)->live_keyring().condition().opened_by_node_slot);
  uint64_t seen = 0;
  EXPECT_THAT((*serving)->live_keyring().news_since(seen), HasSubstr("policy: node_slots allows 1s"));
}

TEST_F(NodeSlotStarts, ANodeThatWasOffDuringOneRotationStartsAndDuringTwoAsks) {
  ASSERT_OK(coffer_->live_keyring().rotate_root("", ""));
  EXPECT_EQ(code_of_start_without_root(), Code::kOk);
  ASSERT_OK(coffer_->live_keyring().rotate_root("", ""));
  EXPECT_EQ(code_of_start_without_root(), Code::kProviderUnavailable);
  serve_once();
  EXPECT_EQ(code_of_start_without_root(), Code::kOk);
}

TEST_F(NodeSlotStarts, WhoServesTakesUpEachRotationWithoutTheRootKeyAndStartsAfterwards) {
  const auto serving = start();
  ASSERT_OK(serving);
  (*serving)->watch_keys();
  lose_root();
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK(coffer_->live_keyring().rotate_root("", ""));
    ASSERT_OK((*serving)->live_keyring().refresh());
    EXPECT_EQ((*serving)->keyring()->version(), coffer_->keyring()->version());
  }
  EXPECT_EQ(code_of_start(), Code::kOk);
}

TEST_F(NodeSlotStarts, ARemovedNodeDoesNotStartNorByWhatStoodThereBefore) {
  const auto before = slots();
  ASSERT_GE(before.size(), 2u);
  ASSERT_OK(remove_node(*coffer_, "db-1", "", open_provider));
  EXPECT_EQ(code_of_start_without_root(), Code::kProviderUnavailable);
  for (const auto& [path, value] : before) write(path, value);
  EXPECT_EQ(code_of_start_without_root(), Code::kProviderUnavailable);
  EXPECT_EQ(code_of_start(), Code::kOk) << "as long as it has the root key";
}

TEST_F(NodeSlotStarts, ARemovalThatIsInterruptedLeavesItNoSlotOfTheFreshKey) {
  ASSERT_OK(coffer_->live_keyring().update([](Keyring& keyring) { return keyring.begin_node_removal("db-1"); }));
  ASSERT_OK(coffer_->live_keyring().rotate_root("", ""));
  // Another node that serves makes what slots are missing.
  const auto serving = start();
  ASSERT_OK(serving);
  look_often(**serving);
  std::this_thread::sleep_for(milliseconds(100));
  EXPECT_EQ(code_of_start_without_root(), Code::kProviderUnavailable);
  ASSERT_OK(remove_node(*coffer_, "db-1", "", open_provider));
}

TEST_F(NodeSlotStarts, ARootKeyThatIsFoundRevokedStopsStartsOfAll) {
  const auto serving = start();
  ASSERT_OK(serving);
  look_often(**serving);
  find_root({Code::kKeyUnavailable, "the key was revoked"});
  EXPECT_TRUE(comes([&] { return code_of_start() == Code::kKeyUnavailable; }));
  EXPECT_EQ(code_of_start(), Code::kKeyUnavailable);
  find_root(Status::ok());
  EXPECT_TRUE(comes([&] { return code_of_start_without_root() == Code::kOk; })) << "and is found well again";
}

TEST_F(NodeSlotStarts, WhatIsMissingIsMadeByWhoServes) {
  std::filesystem::remove_all(coffer_path() + "/slots.d");
  EXPECT_EQ(code_of_start_without_root(), Code::kProviderUnavailable);
  const auto serving = start();
  ASSERT_OK(serving);
  EXPECT_EQ((*serving)->live_keyring().condition().node_slot.code(), Code::kNotFound);
  look_often(**serving);
  EXPECT_TRUE(comes([&] { return std::filesystem::exists(coffer_path() + "/slots.d"); }));
  EXPECT_TRUE(comes([&] { return code_of_start_without_root() == Code::kOk; }));
}

TEST_F(NodeSlotStarts, ANodeThatGetsFreshKeysHasASlotForThem) {
  ASSERT_OK(rotate_node(*coffer_, open_provider));
  EXPECT_EQ(code_of_start_without_root(), Code::kProviderUnavailable) << "what it believed was signed by the old ones";
  serve_once();
  EXPECT_EQ(code_of_start_without_root(), Code::kOk);
}

TEST_F(NodeSlotStarts, KeysThatTheCofferSealsOpenNothing) {
  ASSERT_OK(remove_node(*coffer_, "db-1", "", open_provider));
  std::filesystem::remove(coffer_path() + "/node.key");
  enrol("db-2", "");
  const auto serving = start();
  ASSERT_OK(serving);
  look_often(**serving);
  std::this_thread::sleep_for(milliseconds(100));
  EXPECT_EQ(code_of_start_without_root(), Code::kProviderUnavailable);
  EXPECT_TRUE((*serving)->live_keyring().condition().root_key.is_ok());
}

TEST_F(NodeSlotStarts, WhatItBelievesIsBelievedAsThisNodeHasSignedIt) {
  const std::string pin = read(pin_path());
  lose_root();
  for (size_t at = 0; at < pin.size() - 1; ++at) {
    std::string altered = pin;
    altered[at] = altered[at] == 'a' ? 'b' : 'a';
    write(pin_path(), altered);
    EXPECT_EQ(code_of_start(), Code::kProviderUnavailable) << at;
    write(pin_path(), pin.substr(0, at));
    if (at % 16 == 0) {
      EXPECT_EQ(code_of_start(), Code::kProviderUnavailable) << at;
    }
  }
  write(pin_path(), pin);
  EXPECT_EQ(code_of_start(), Code::kOk);
}

TEST_F(NodeSlotStarts, WhatIsDamagedOrAnotherNodesFallsBackToTheRootKey) {
  for (const auto& [path, value] : slots()) {
    for (const std::string& other : {std::string(), value.substr(0, value.size() / 2), std::string(200'000, 'x')}) {
      write(path, other);
      EXPECT_EQ(code_of_start_without_root(), Code::kProviderUnavailable) << path;
      EXPECT_EQ(code_of_start(), Code::kOk) << path;
    }
    write(path, value);
  }
}

TEST_F(NodeSlotStarts, ARestartExtendsNoOutage) {
  lose_root();
  std::this_thread::sleep_for(milliseconds(1100));
  const auto serving = start();
  ASSERT_OK(serving);
  const uint64_t seen = (*serving)->live_keyring().condition().root_key_answered;
  EXPECT_LT(seen, now_seconds());
  look_often(**serving);
  ASSERT_TRUE(comes([&] { return !(*serving)->live_keyring().condition().root_key.is_ok(); }));
  EXPECT_EQ((*serving)->live_keyring().condition().root_key_since, seen);
}

}  // namespace
}  // namespace coffer
