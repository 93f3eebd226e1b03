// Several machines save a keyring in one directory, and their file locks do not know of each other.
#include "coffer/keys/machine_turn.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "keys/keyring_history.h"
#include "support/memory_disk.h"
#include "support/passing_disk.h"

namespace coffer {
namespace {

using std::chrono::milliseconds;

constexpr const char* kTurn = "/keyring.turn";

class MachineTurnTest : public testing::Test {
 protected:
  Result<MachineTurn> take(const std::string& machine, milliseconds patience = MachineTurn::kPatience) {
    return MachineTurn::take(disk_, kTurn, machine, patience);
  }
  bool is_taken() { return disk_.info(kTurn).is_ok(); }

  MemoryDisk disk_;
};

// Far away: there is time for another machine between what was looked at and what is then put in its place.
class DistantDisk final : public LocklessDisk {
 public:
  using LocklessDisk::LocklessDisk;
  Status rename(const std::string& from, const std::string& to) override {
    std::this_thread::sleep_for(milliseconds(1));
    return LocklessDisk::rename(from, to);
  }
};

TEST_F(MachineTurnTest, OfSeveralMachinesNoChangeIsLost) {
  constexpr int kMachines = 3, kChanges = 20;
  DistantDisk shared(disk_);
  ASSERT_TRUE(open_file_keyring_store(shared, "/")->save(KeyringHistory().sealed(1), 0).is_ok());
  std::vector<std::thread> machines;
  for (int machine = 0; machine < kMachines; ++machine) {
    machines.emplace_back([&shared, machine] {
      const std::string name = "machine-" + std::to_string(machine);
      const auto store = open_file_keyring_store(shared, "/", name);
      for (int i = 0; i < kChanges; ++i) {
        const std::string path = "/" + name + "/" + std::to_string(i);
        const auto saved =
            update_keyring(*store, [&](Keyring& keyring) { return keyring.add_store(path, 1).status(); });
        EXPECT_TRUE(saved.is_ok()) << saved.status().to_string();
      }
    });
  }
  for (std::thread& machine : machines) machine.join();
  const auto loaded = open_file_keyring_store(shared, "/")->load();
  ASSERT_TRUE(loaded.is_ok());
  EXPECT_EQ(loaded->header.version, 1u + kMachines * kChanges);
  EXPECT_EQ(KeyringCodec::open(loaded->sealed, history_key())->stores().size(), size_t{kMachines * kChanges});
  EXPECT_FALSE(is_taken());
}

TEST_F(MachineTurnTest, EndsWithItsOwner) {
  {
    const auto turn = take("a");
    ASSERT_TRUE(turn.is_ok());
    EXPECT_TRUE(turn->check().is_ok());
    EXPECT_TRUE(is_taken());
  }
  EXPECT_FALSE(is_taken());
}

TEST_F(MachineTurnTest, IsWaitedFor) {
  auto turn = std::make_unique<Result<MachineTurn>>(take("a"));
  std::atomic<bool> has_turn{false};
  std::thread other([&] {
    EXPECT_TRUE(take("b").is_ok());
    has_turn = true;
  });
  std::this_thread::sleep_for(milliseconds(60));
  EXPECT_FALSE(has_turn);
  turn.reset();
  other.join();
  EXPECT_TRUE(has_turn);
}

TEST_F(MachineTurnTest, ThatACrashLeftIsTakenOver) {
  ASSERT_TRUE(replace_file(disk_, kTurn, as_bytes(std::string_view("a 00\n")), 0600).is_ok());
  EXPECT_TRUE(take("a").is_ok()) << "its own: at once";
  EXPECT_FALSE(is_taken());
  for (const char* left : {"b 00\n", "", "b", "b 00", "a"}) {
    SCOPED_TRACE(left);
    ASSERT_TRUE(replace_file(disk_, kTurn, as_bytes(std::string_view(left)), 0600).is_ok());
    EXPECT_TRUE(take("a", milliseconds(50)).is_ok()) << "another's that does not end";
    EXPECT_FALSE(is_taken());
  }
}

// One that was made a moment ago, and does not say yet whose it is.
TEST_F(MachineTurnTest, WhatIsBeingWrittenIsNotTakenForLeftBehind) {
  auto file = disk_.create(kTurn, 0600);
  ASSERT_TRUE(file.is_ok());
  std::atomic<bool> has_turn{false};
  std::thread other([&] {
    EXPECT_TRUE(take("b").is_ok());
    has_turn = true;
  });
  std::this_thread::sleep_for(milliseconds(60));
  EXPECT_FALSE(has_turn);
  ASSERT_TRUE((*file)->write_at(0, as_bytes(std::string_view("a 00\n"))).is_ok());
  std::this_thread::sleep_for(milliseconds(60));
  EXPECT_FALSE(has_turn);
  ASSERT_TRUE(disk_.remove(kTurn).is_ok());
  other.join();
}

TEST_F(MachineTurnTest, WhoeverWasTooSlowIsToldAndTakesNothingAway) {
  auto slow = std::make_unique<Result<MachineTurn>>(take("a"));
  ASSERT_TRUE(slow->is_ok());
  const auto quick = take("b", milliseconds(0));
  ASSERT_TRUE(quick.is_ok());
  EXPECT_EQ((*slow)->check().code(), Code::kConflict);
  slow.reset();
  EXPECT_TRUE(quick->check().is_ok());
}

}  // namespace
}  // namespace coffer
