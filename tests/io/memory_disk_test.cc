// The crash model itself: it must take what POSIX lets a crash take, and keep what was synced.
#include "support/memory_disk.h"

#include <gtest/gtest.h>

#include <set>

#include "support/fault_disk.h"

namespace coffer {
namespace {

constexpr uint64_t kSeedCount = 200;

std::string text_of(Disk& disk, const std::string& path) {
  auto bytes = read_file(disk, path, 1 << 20);
  return bytes.is_ok() ? std::string(as_text(*bytes)) : std::string(code_name(bytes.code()));
}

// Everything that a file may be found to hold.
std::set<std::string> outcomes(const MemoryDisk& disk, CrashKind kind, const std::string& path) {
  std::set<std::string> found;
  for (uint64_t seed = 0; seed < kSeedCount; ++seed) found.insert(text_of(*disk.crash_image(kind, seed), path));
  return found;
}

std::unique_ptr<WritableFile> make(MemoryDisk& disk, const std::string& path, std::string_view text) {
  auto file = disk.create(path, 0600);
  EXPECT_TRUE(file.is_ok());
  EXPECT_TRUE((*file)->write_at(0, as_bytes(text)).is_ok());
  return std::move(file).value();
}

TEST(MemoryDiskCrash, ASyncedFileWithoutASyncedNameMayBeGone) {
  MemoryDisk disk;
  auto file = make(disk, "/a", "x");
  ASSERT_TRUE(file->sync().is_ok());
  EXPECT_EQ(outcomes(disk, CrashKind::kDropped, "/a"), (std::set<std::string>{"not_found"}));
  EXPECT_EQ(outcomes(disk, CrashKind::kReordered, "/a"), (std::set<std::string>{"not_found", "x"}));
}

TEST(MemoryDiskCrash, ASyncedNameDoesNotKeepUnsyncedBytes) {
  MemoryDisk disk;
  auto file = make(disk, "/a", "xyz");
  ASSERT_TRUE(disk.sync_directory("/").is_ok());
  EXPECT_EQ(outcomes(disk, CrashKind::kDropped, "/a"), (std::set<std::string>{""}));
  EXPECT_EQ(outcomes(disk, CrashKind::kTorn, "/a"), (std::set<std::string>{"", "x", "xy", "xyz"}));
  EXPECT_EQ(outcomes(disk, CrashKind::kReordered, "/a"), (std::set<std::string>{"", std::string(3, '\0'), "xyz"}));
  ASSERT_TRUE(file->sync().is_ok());
  for (CrashKind kind : {CrashKind::kDropped, CrashKind::kTorn, CrashKind::kReordered}) {
    EXPECT_EQ(outcomes(disk, kind, "/a"), (std::set<std::string>{"xyz"}));
  }
}

TEST(MemoryDiskCrash, SectorsOfOneWriteArriveInAnyOrder) {
  MemoryDisk disk;
  auto file = make(disk, "/a", std::string(1536, 'o'));
  ASSERT_TRUE(file->sync().is_ok());
  ASSERT_TRUE(disk.sync_directory("/").is_ok());
  ASSERT_TRUE(file->write_at(256, as_bytes(std::string(1024, 'n'))).is_ok());
  std::set<std::string> found = outcomes(disk, CrashKind::kReordered, "/a");
  EXPECT_EQ(found.size(), 8u) << "three sectors, each old or new";
  EXPECT_TRUE(found.contains(std::string(512, 'o') + std::string(512, 'n') + std::string(512, 'o')));
}

TEST(MemoryDiskCrash, ARenameIsOneStepAndKeepsItsOrderWhenTorn) {
  MemoryDisk disk;
  auto file = make(disk, "/a", "A");
  ASSERT_TRUE(file->sync().is_ok());
  ASSERT_TRUE(disk.sync_directory("/").is_ok());
  ASSERT_TRUE(disk.rename("/a", "/b").is_ok());
  for (CrashKind kind : {CrashKind::kDropped, CrashKind::kTorn, CrashKind::kReordered}) {
    for (uint64_t seed = 0; seed < kSeedCount; ++seed) {
      auto image = disk.crash_image(kind, seed);
      EXPECT_EQ(image->list("/")->size(), 1u);
    }
  }
  EXPECT_EQ(outcomes(disk, CrashKind::kDropped, "/b"), (std::set<std::string>{"not_found"}));
  EXPECT_EQ(outcomes(disk, CrashKind::kTorn, "/b"), (std::set<std::string>{"not_found", "A"}));
}

TEST(MemoryDiskCrash, RemovalAndTruncationAreUndoneUntilSynced) {
  MemoryDisk disk;
  auto file = make(disk, "/a", "12345");
  ASSERT_TRUE(disk.sync_all("/").is_ok());
  ASSERT_TRUE(file->truncate(2).is_ok());
  EXPECT_EQ(outcomes(disk, CrashKind::kDropped, "/a"), (std::set<std::string>{"12345"}));
  EXPECT_EQ(outcomes(disk, CrashKind::kReordered, "/a"), (std::set<std::string>{"12345", "12"}));
  ASSERT_TRUE(file->sync().is_ok());
  ASSERT_TRUE(disk.remove("/a").is_ok());
  EXPECT_EQ(outcomes(disk, CrashKind::kReordered, "/a"), (std::set<std::string>{"12", "not_found"}));
  ASSERT_TRUE(disk.sync_directory("/").is_ok());
  EXPECT_EQ(outcomes(disk, CrashKind::kReordered, "/a"), (std::set<std::string>{"not_found"}));
}

TEST(MemoryDiskCrash, DirectoriesAndWhatIsInThemSurviveTogether) {
  MemoryDisk disk;
  ASSERT_TRUE(disk.make_directory("/d", 0700).is_ok());
  auto file = make(disk, "/d/a", "in");
  ASSERT_TRUE(file->sync().is_ok());
  ASSERT_TRUE(disk.sync_directory("/d").is_ok());
  EXPECT_EQ(outcomes(disk, CrashKind::kReordered, "/d/a"), (std::set<std::string>{"in", "not_found"}));
  ASSERT_TRUE(disk.sync_directory("/").is_ok());
  EXPECT_EQ(outcomes(disk, CrashKind::kReordered, "/d/a"), (std::set<std::string>{"in"}));
  ASSERT_TRUE(disk.make_directory("/e", 0700).is_ok());
  ASSERT_TRUE(disk.rename("/d", "/e/d").is_ok());
  EXPECT_EQ(text_of(disk, "/e/d/a"), "in");
  ASSERT_TRUE(disk.sync_all("/").is_ok());
  EXPECT_EQ(text_of(*disk.crash_image(CrashKind::kDropped, 0), "/e/d/a"), "in");
}

TEST(MemoryDiskCrash, AnImageIsADiskOfItsOwnAndRepeatable) {
  MemoryDisk disk;
  auto file = make(disk, "/a", std::string(5000, 'x'));
  ASSERT_TRUE(disk.sync_directory("/").is_ok());
  for (uint64_t seed = 0; seed < 20; ++seed) {
    auto one = disk.crash_image(CrashKind::kReordered, seed);
    auto two = disk.crash_image(CrashKind::kReordered, seed);
    EXPECT_EQ(text_of(*one, "/a"), text_of(*two, "/a"));
    ASSERT_TRUE(one->remove("/a").is_ok());
    EXPECT_NE(text_of(*two, "/a"), "not_found");
  }
  EXPECT_EQ(text_of(disk, "/a").size(), 5000u);
  EXPECT_EQ(text_of(*disk.crash_image(CrashKind::kDropped, 0)->crash_image(CrashKind::kReordered, 1), "/a"), "");
}

TEST(MemoryDisk, TheObserverSeesEveryChangeAndNoReading) {
  MemoryDisk disk;
  uint64_t seen = 0;
  disk.set_observer([&] { ++seen; });
  auto file = make(disk, "/a", "x");
  ASSERT_TRUE(file->sync().is_ok());
  ASSERT_TRUE(disk.rename("/a", "/b").is_ok());
  EXPECT_EQ(text_of(disk, "/b"), "x");
  ASSERT_TRUE(disk.sync_directory("/").is_ok());
  EXPECT_EQ(seen, 5u);
  EXPECT_EQ(disk.change_count(), 5u);
}

TEST(FaultDisk, FailsTheOperationItWasToldToOnceOrForGood) {
  MemoryDisk memory;
  FaultDisk disk(memory);
  for (bool for_good : {false, true}) {
    disk.arm({2, for_good, false, Code::kNoSpace});
    EXPECT_EQ(disk.info("/").code(), Code::kOk);
    EXPECT_EQ(disk.info("/").code(), Code::kNoSpace);
    EXPECT_EQ(disk.info("/").code(), for_good ? Code::kNoSpace : Code::kOk);
    EXPECT_EQ(disk.operation_count(), 3u);
    EXPECT_EQ(disk.fault_count(), for_good ? 2u : 1u);
  }
}

TEST(FaultDisk, AShortWriteLeavesHalf) {
  MemoryDisk memory;
  FaultDisk disk(memory);
  disk.arm({2, false, true, Code::kNoSpace});
  auto file = disk.create("/a", 0600);
  ASSERT_TRUE(file.is_ok());
  EXPECT_EQ((*file)->write_at(0, as_bytes("12345678")).code(), Code::kNoSpace);
  EXPECT_EQ(text_of(memory, "/a"), "1234");
}

}  // namespace
}  // namespace coffer
