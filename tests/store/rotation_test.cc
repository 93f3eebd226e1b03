// Rotations of a root key on bad days: the configuration is edited by hand in the middle of one, another process does
// the same, and the clock goes back. A coffer that opens, and no key that is lost.
#include <functional>
#include <thread>

#include "coffer/config/config_edit.h"
#include "coffer/ops/slots.h"
#include "coffer_fixture.h"
#include "support/passing_disk.h"

namespace coffer {
namespace {

using ::testing::HasSubstr;

// What somebody does right before a provider is opened for the nth time; a ProviderOpener is a plain function.
struct Meddling {
  int at = 0;
  std::function<void()> what;
};
Meddling meddling;

Result<std::unique_ptr<RootKeyProvider>> meddled_open(const ProviderUri& uri, const ProviderConfig& config) {
  if (meddling.at > 0 && --meddling.at == 0) meddling.what();
  return open_provider(uri, config);
}

class RotationTest : public CofferFixture {
 protected:
  void SetUp() override {
    CofferFixture::SetUp();
    if (HasFatalFailure()) return;
    first_ = read(config_path());
    keyring_ = read(coffer_path() + "/keyring");
  }
  void TearDown() override {
    meddling = {};
    CofferFixture::TearDown();
  }
  std::string config_path() const { return coffer_path() + "/coffer.yaml"; }
  Result<std::shared_ptr<Coffer>> reopen() { return Coffer::open(disk(), coffer_path(), {}, open_provider); }
  void begin_anew() {
    write(config_path(), first_);
    write(coffer_path() + "/keyring", keyring_);
  }
  // As an editor saves it.
  void edit(const std::function<std::string(std::string)>& change) {
    write(config_path(), change(read(config_path())));
  }

  // `what` happens before each time that the rotation to another key asks for a provider, one after the other.
  // `check` gets the rotation's outcome and has to leave a coffer that opens.
  void meddle_everywhere(const std::function<void()>& what,
                         const std::function<void(const Result<RootRotation>&)>& check) {
    int met = 0;
    for (int at = 1;; ++at) {
      SCOPED_TRACE("before provider " + std::to_string(at));
      begin_anew();
      auto coffer = Coffer::open(disk(), coffer_path(), {}, meddled_open);
      ASSERT_OK(coffer);
      meddling = {at, what};
      const auto rotated = rotate_root(**coffer, key_uri("other.key"), meddled_open);
      const bool is_met = meddling.at == 0;
      meddling = {};
      if (!is_met) break;
      ++met;
      check(rotated);
      auto after = reopen();
      ASSERT_TRUE(after.is_ok()) << status_text(after);
      // And a repetition finishes it.
      ASSERT_OK(rotate_root(**after, key_uri("other.key"), open_provider));
      ASSERT_OK(reopen());
    }
    EXPECT_GE(met, 2);
  }

  std::string first_, keyring_;
};

TEST_F(RotationTest, ACommentOrOptionThatIsAddedByHandStays) {
  meddle_everywhere(
      [this] {
        edit([](const std::string& text) {
          std::string out = "# by hand\n" + text;
          const size_t at = out.find("reads: auto ");
          return at == std::string::npos ? out : out.replace(at, 12, "reads: pread");
        });
      },
      [this](const Result<RootRotation>& rotated) {
        EXPECT_TRUE(rotated.is_ok()) << status_text(rotated);
        EXPECT_THAT(read(config_path()), HasSubstr("# by hand"));
        EXPECT_THAT(read(config_path()), HasSubstr("reads: pread"));
        EXPECT_THAT(read(config_path()), ::testing::Not(HasSubstr("root-1")));
      });
}

TEST_F(RotationTest, ARootThatIsAddedByHandUnderTheSameNameWinsOrIsRefused) {
  meddle_everywhere(
      [this] {
        edit([](const std::string& text) {
          if (text.find("root-2") != std::string::npos) return text;
          std::string out = text;
          return out.insert(out.find("roots:\n") + 7, "  root-2: {uri: file:///nowhere.key}\n");
        });
      },
      [this](const Result<RootRotation>& rotated) {
        // Never is the keyring locked by a root that the configuration does not have.
        EXPECT_TRUE(rotated.is_ok() || rotated.code() == Code::kAlreadyExists) << status_text(rotated);
        edit([](std::string text) {
          const size_t at = text.find("  root-2: {uri: file:///nowhere.key}\n");
          return at == std::string::npos ? text : text.erase(at, 37);
        });
      });
}

TEST_F(RotationTest, TheOldRootThatIsTakenOutByHandIsNoFailure) {
  meddle_everywhere(
      [this] {
        edit([this](const std::string& text) {
          auto without = without_root(text, "root-1", config_path());
          return without.is_ok() ? *without : text;
        });
      },
      [this](const Result<RootRotation>& rotated) {
        if (rotated.is_ok()) return;
        // It was taken out while the keyring still needed it: the operator's mistake, which is said and can be undone.
        EXPECT_EQ(rotated.code(), Code::kKeyUnavailable) << status_text(rotated);
        EXPECT_THAT(status_text(rotated), HasSubstr("root-1"));
        edit([this](const std::string& text) { return text.find("root-1") == std::string::npos ? first_ : text; });
      });
}

TEST_F(RotationTest, AConfigurationThatIsHalfWrittenAtTheTimeIsRefusedAndGoesOnWhenItIsWhole) {
  std::string whole;
  meddle_everywhere(
      [&] {
        whole = read(config_path());
        edit([](const std::string& text) { return text.substr(0, text.find("uri: \"") + 10); });
      },
      [&](const Result<RootRotation>& rotated) {
        EXPECT_FALSE(rotated.is_ok());
        write(config_path(), whole);
      });
}

TEST_F(RotationTest, ARemovalBesideARotationLeavesTheRootThatLocks) {
  ASSERT_OK(add_slot(*coffer_, {key_uri("other.key"), "second", true}, open_provider));
  const std::string both = read(config_path());
  for (int at = 1; at <= 3; ++at) {
    SCOPED_TRACE(at);
    write(config_path(), both);
    write(coffer_path() + "/keyring", keyring_);
    auto mine = Coffer::open(disk(), coffer_path(), {}, meddled_open);
    auto others = reopen();
    ASSERT_OK(mine);
    ASSERT_OK(others);
    Status removed;
    std::thread remover;
    meddling = {at, [&] {
                  remover = std::thread([&] { removed = remove_slot(**others, "second", false); });
                  // Time enough to do it, if nothing keeps it from that.
                  std::this_thread::sleep_for(std::chrono::milliseconds(50));
                }};
    const auto rotated = rotate_root(**mine, "second", meddled_open);
    meddling = {};
    if (remover.joinable()) remover.join();
    auto after = reopen();
    ASSERT_TRUE(after.is_ok()) << status_text(after) << "; rotated: " << status_text(rotated)
                               << "; removed: " << removed.to_string();
  }
}

// It has read the keyring, and finds a configuration that does not have its root any more.
TEST_F(RotationTest, WhoeverOpensTheCofferMeanwhileIsNotRefused) {
  class OvertakenDisk final : public PassingDisk {
   public:
    using PassingDisk::PassingDisk;
    std::function<void()> overtake;

    Status sync_directory(const std::string& path) override {
      const Status synced = PassingDisk::sync_directory(path);
      if (overtake) std::exchange(overtake, {})();
      return synced;
    }
  };
  OvertakenDisk overtaken(disk());
  overtaken.overtake = [&] { ASSERT_OK(rotate_root(*coffer_, key_uri("other.key"), open_provider)); };
  const auto opened = Coffer::open(overtaken, coffer_path(), {}, open_provider);
  ASSERT_OK(opened);
  EXPECT_FALSE(overtaken.overtake) << "loading the keyring syncs its name";
  EXPECT_EQ((*opened)->keyring()->version(), 2u);
}

TEST_F(RotationTest, AClockThatGoesBackChangesNoOrder) {
  constexpr uint64_t kLater = 2'000'000'000, kEarlier = 1'000'000'000;
  ASSERT_OK(
      coffer_->live_keyring().update([](Keyring& keyring) { return keyring.rotate_domain(kSystemDomain, kLater); }));
  auto file = coffer_->new_file({.kind = Kind::kLog});
  ASSERT_OK(file);
  const Id before = coffer_->keyring()->find_domain(kSystemDomain)->active()->id;
  ASSERT_OK(
      coffer_->live_keyring().update([](Keyring& keyring) { return keyring.rotate_domain(kSystemDomain, kEarlier); }));
  const Domain* domain = coffer_->keyring()->find_domain(kSystemDomain);
  EXPECT_NE(domain->active()->id, before);
  EXPECT_EQ(domain->active()->version, 3u);
  EXPECT_EQ(coffer_->keyring()->find_key(before).entry->state, KeyState::kDeactivated);
  auto again = reopen();
  ASSERT_OK(again);
  EXPECT_EQ((*again)->keyring()->version(), coffer_->keyring()->version());
  ASSERT_OK((*again)->unlock(file->envelope, "file"));
  ASSERT_OK(rotate_root(**again, key_uri("other.key"), open_provider));
  ASSERT_OK(reopen());
}

}  // namespace
}  // namespace coffer
