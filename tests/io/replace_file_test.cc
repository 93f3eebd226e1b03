// replace_file: the old contents or the new ones, whatever fails and whenever the machine does.
#include <gtest/gtest.h>

#include "support/fault_disk.h"
#include "support/memory_disk.h"

namespace coffer {
namespace {

constexpr CrashKind kCrashKinds[] = {CrashKind::kDropped, CrashKind::kTorn, CrashKind::kReordered};

Bytes pattern(size_t size, uint8_t first) {
  Bytes bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(first + i * 7);
  return bytes;
}

void put_durably(Disk& disk, const std::string& path, ByteView contents) {
  auto file = disk.create(path, 0600);
  ASSERT_TRUE(file.is_ok());
  ASSERT_TRUE((*file)->write_at(0, contents).is_ok());
  ASSERT_TRUE((*file)->sync().is_ok());
  ASSERT_TRUE(disk.sync_directory("/").is_ok());
}

struct FaultCase {
  bool for_good;
  bool short_write;
  Code code;
};

class ReplaceFileFaults : public testing::TestWithParam<FaultCase> {};

INSTANTIATE_TEST_SUITE_P(Every, ReplaceFileFaults,
                         testing::Values(FaultCase{false, false, Code::kIo}, FaultCase{true, false, Code::kIo},
                                         FaultCase{false, true, Code::kNoSpace}, FaultCase{true, true, Code::kNoSpace}),
                         [](const auto& param) {
                           return std::string(param.param.for_good ? "ForGood" : "Once") +
                                  (param.param.short_write ? "Short" : "");
                         });

TEST_P(ReplaceFileFaults, LeaveOldOrNewAndReportTheFirstFailure) {
  const Bytes old_contents = pattern(3000, 1);
  const Bytes new_contents = pattern(5000, 2);
  int injected = 0;
  for (uint64_t operation = 1;; ++operation) {
    MemoryDisk memory;
    put_durably(memory, "/a", old_contents);
    FaultDisk disk(memory);
    disk.arm({operation, GetParam().for_good, GetParam().short_write, GetParam().code});
    Status status = replace_file(disk, "/a", new_contents, 0600);
    auto now = read_file(memory, "/a", 1 << 20);
    ASSERT_TRUE(now.is_ok());
    if (disk.fault_count() == 0) {
      EXPECT_TRUE(status.is_ok());
      EXPECT_EQ(*now, new_contents);
      break;
    }
    ++injected;
    EXPECT_EQ(status.code(), GetParam().code) << "operation " << operation << ": " << status.to_string();
    bool replaced = status.message().find("may still undo") != std::string_view::npos;
    EXPECT_EQ(*now, replaced ? new_contents : old_contents) << "operation " << operation;
    bool left_behind = status.message().find("behind") != std::string_view::npos;
    EXPECT_EQ(memory.list("/")->size(), left_behind ? 2u : 1u) << status.to_string();
    EXPECT_TRUE(!left_behind || GetParam().for_good);
  }
  EXPECT_GE(injected, 6) << "create, write, sync, close, rename, sync the directory";
}

TEST(ReplaceFile, ACrashAtAnyInstantLeavesOldOrNewAndNeverUndoesASuccess) {
  const Bytes old_contents = pattern(3000, 1);
  const Bytes new_contents = pattern(5000, 2);
  MemoryDisk disk;
  put_durably(disk, "/a", old_contents);

  int images = 0, old_seen = 0, new_seen = 0;
  bool done = false;
  auto examine = [&] {
    for (CrashKind kind : kCrashKinds) {
      for (uint64_t seed = 0; seed < 200; ++seed) {
        auto image = disk.crash_image(kind, seed);
        auto found = read_file(*image, "/a", 1 << 20);
        ASSERT_TRUE(found.is_ok()) << found.status().to_string() << " kind " << static_cast<int>(kind) << " seed "
                                   << seed;
        ASSERT_TRUE(*found == new_contents || (!done && *found == old_contents))
            << "kind " << static_cast<int>(kind) << " seed " << seed << " after change " << disk.change_count();
        ++images;
        ++(*found == new_contents ? new_seen : old_seen);
      }
    }
  };
  disk.set_observer(examine);
  ASSERT_TRUE(replace_file(disk, "/a", new_contents, 0600).is_ok());
  done = true;
  examine();
  EXPECT_GT(images, 3000);
  EXPECT_GT(old_seen, 100);
  EXPECT_GT(new_seen, 100) << "the model must also show a rename that reached the disk by itself";
}

TEST(ReplaceFile, ATemporaryFileLeftByACrashIsNotInTheWay) {
  MemoryDisk disk;
  FaultDisk faulty(disk);
  ASSERT_TRUE(replace_file(disk, "/a", as_bytes("old"), 0600).is_ok());
  // Rename and removal fail: the temporary file stays, as after a crash.
  faulty.arm({5, true, false, Code::kIo});
  ASSERT_FALSE(replace_file(faulty, "/a", as_bytes("lost"), 0600).is_ok());
  ASSERT_EQ(disk.list("/")->size(), 2u);
  ASSERT_TRUE(replace_file(disk, "/a", as_bytes("new"), 0600).is_ok());
  EXPECT_EQ(as_text(*read_file(disk, "/a", 10)), "new");
}

TEST(CreateFile, MakesAWholeFileOrNone) {
  const Bytes contents = pattern(5000, 3);
  int injected = 0;
  for (uint64_t operation = 1;; ++operation) {
    MemoryDisk memory;
    FaultDisk disk(memory);
    disk.arm({operation, false, true, Code::kNoSpace});
    Status status = create_file(disk, "/a", contents, 0600);
    if (disk.fault_count() == 0) {
      EXPECT_TRUE(status.is_ok());
      EXPECT_EQ(*read_file(memory, "/a", 5000), contents);
      EXPECT_EQ(create_file(memory, "/a", as_bytes("other"), 0600).code(), Code::kAlreadyExists);
      EXPECT_EQ(*read_file(memory, "/a", 5000), contents);
      for (CrashKind kind : kCrashKinds) {
        EXPECT_EQ(*read_file(*memory.crash_image(kind, 1), "/a", 5000), contents) << "it is durable";
      }
      break;
    }
    ++injected;
    EXPECT_EQ(status.code(), Code::kNoSpace);
    EXPECT_TRUE(memory.list("/")->empty()) << operation;
  }
  EXPECT_EQ(injected, 5) << "create, write, sync, close, sync the directory";
}

TEST(ReplaceFile, WorksOnRelativePathsAndInTheRootDirectory) {
  MemoryDisk disk;
  EXPECT_TRUE(replace_file(disk, "a", as_bytes("1"), 0600).is_ok());
  EXPECT_TRUE(replace_file(disk, "/b", as_bytes("2"), 0600).is_ok());
  ASSERT_TRUE(disk.make_directory("/d", 0700).is_ok());
  EXPECT_TRUE(replace_file(disk, "/d/c", as_bytes("3"), 0600).is_ok());
  EXPECT_EQ(disk.list("/")->size(), 3u);
  EXPECT_EQ(replace_file(disk, "/none/a", as_bytes("4"), 0600).code(), Code::kNotFound);
}

}  // namespace
}  // namespace coffer
