// What every Disk promises, on the real one and on the one in memory; then what only the real one can show.
#include "coffer/io/disk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "io/temporary_directory.h"
#include "support/memory_disk.h"

namespace coffer {
namespace {

using testing::HasSubstr;

enum class Which { kPosix, kMemory };

class DiskTest : public testing::TestWithParam<Which> {
 protected:
  Disk& disk() { return GetParam() == Which::kPosix ? Disk::posix() : memory_; }
  std::string at(const std::string& name) { return GetParam() == Which::kPosix ? temporary_ / name : "/" + name; }

  void write(const std::string& name, std::string_view text) {
    auto file = disk().create(at(name), 0600);
    ASSERT_TRUE(file.is_ok()) << file.status().to_string();
    ASSERT_TRUE((*file)->write_at(0, as_bytes(text)).is_ok());
  }
  std::string contents(const std::string& name) {
    auto bytes = read_file(disk(), at(name), 1 << 20);
    return bytes.is_ok() ? std::string(as_text(*bytes)) : bytes.status().to_string();
  }

 private:
  TemporaryDirectory temporary_;
  MemoryDisk memory_;
};

INSTANTIATE_TEST_SUITE_P(Every, DiskTest, testing::Values(Which::kPosix, Which::kMemory),
                         [](const auto& param) { return param.param == Which::kPosix ? "Posix" : "Memory"; });

TEST_P(DiskTest, WhatIsWrittenBackIsAsItWasWritten) {
  auto file = disk().create(at("a"), 0600);
  ASSERT_TRUE(file.is_ok());
  ASSERT_TRUE((*file)->write_at(0, as_bytes(std::string(10'000, 'x'))).is_ok());
  EXPECT_TRUE((*file)->write_back(0, 10'000, false).is_ok());
  EXPECT_TRUE((*file)->write_back(0, 5'000, true).is_ok());
  EXPECT_EQ(contents("a"), std::string(10'000, 'x'));
}

TEST_P(DiskTest, ReadsWhatWasWrittenAndFewerBytesOnlyAtTheEnd) {
  write("a", "0123456789");
  auto file = disk().open_read(at("a"));
  ASSERT_TRUE(file.is_ok());
  Bytes out(4);
  for (auto [offset, expected] :
       {std::pair{0, "0123"}, {5, "5678"}, {6, "6789"}, {7, "789"}, {9, "9"}, {10, ""}, {99, ""}}) {
    auto count = (*file)->read_at(offset, out);
    ASSERT_TRUE(count.is_ok());
    EXPECT_EQ(as_text(ByteView(out).first(*count)), expected);
  }
  EXPECT_EQ((*file)->size().value(), 10u);
  EXPECT_EQ((*file)->info()->size, 10u);
}

TEST_P(DiskTest, AFileMayHaveSeveralNamesAndKeepsItsTimes) {
  write("a", "one");
  ASSERT_TRUE(disk().link(at("a"), at("b")).is_ok());
  EXPECT_EQ(disk().link(at("a"), at("b")).code(), Code::kAlreadyExists);
  EXPECT_EQ(disk().link(at("none"), at("c")).code(), Code::kNotFound);
  auto file = disk().open_write(at("b"));
  ASSERT_TRUE(file.is_ok());
  ASSERT_TRUE((*file)->write_at(0, as_bytes("two")).is_ok());
  EXPECT_EQ(contents("a"), "two");
  for (int64_t time : {int64_t{1'600'000'000'123'456'789}, int64_t{-1'500'000'000}}) {
    ASSERT_TRUE((*file)->set_times(time, time + 1).is_ok());
    const FileInfo info = (*file)->info().value();
    EXPECT_EQ(info.accessed_ns, time);
    EXPECT_EQ(info.modified_ns, time + 1);
  }
  EXPECT_EQ(disk().info(at("a"))->link_count, 2u);
  EXPECT_EQ(disk().info(at("a"))->inode, disk().info(at("b"))->inode);
  ASSERT_TRUE(disk().remove(at("a")).is_ok());
  EXPECT_EQ(disk().info(at("b"))->link_count, 1u);
}

TEST_P(DiskTest, WritingPastTheEndFillsTheGapWithZeros) {
  write("a", "ab");
  auto file = disk().open_write(at("a"));
  ASSERT_TRUE(file.is_ok());
  ASSERT_TRUE((*file)->write_at(4, as_bytes("ef")).is_ok());
  ASSERT_TRUE((*file)->sync().is_ok());
  EXPECT_EQ(contents("a"), std::string("ab\0\0ef", 6));
  ASSERT_TRUE((*file)->truncate(1).is_ok());
  EXPECT_EQ(contents("a"), "a");
}

TEST_P(DiskTest, OpeningForWritingKeepsTheContentsAndNeedsTheFile) {
  write("a", "kept");
  EXPECT_TRUE(disk().open_write(at("a")).is_ok());
  EXPECT_EQ(contents("a"), "kept");
  EXPECT_EQ(disk().open_write(at("none")).code(), Code::kNotFound);
}

TEST_P(DiskTest, CreatingRefusesAnExistingNameAndKeepsItsContents) {
  write("a", "first");
  auto again = disk().create(at("a"), 0600);
  EXPECT_EQ(again.code(), Code::kAlreadyExists);
  EXPECT_THAT(std::string(again.status().message()), HasSubstr(at("a")));
  EXPECT_EQ(contents("a"), "first");
}

TEST_P(DiskTest, ModesAreAsGivenWhateverTheUmask) {
  mode_t old = ::umask(0777);
  auto file = disk().create(at("a"), 0640);
  Status made = disk().make_directory(at("d"), 0750);
  ::umask(old);
  ASSERT_TRUE(file.is_ok());
  ASSERT_TRUE(made.is_ok());
  EXPECT_EQ(disk().info(at("a"))->mode, 0640u);
  EXPECT_EQ((*file)->info()->mode, 0640u);
  EXPECT_EQ(disk().info(at("d"))->mode, 0750u);
  EXPECT_TRUE(disk().info(at("d"))->is_directory);
  EXPECT_EQ(disk().info(at("a"))->owner, ::geteuid());
}

TEST_P(DiskTest, RenamingReplacesTheTargetAndChangesItsInode) {
  write("a", "new");
  write("b", "old");
  uint64_t before = disk().info(at("b"))->inode;
  ASSERT_TRUE(disk().rename(at("a"), at("b")).is_ok());
  EXPECT_EQ(contents("b"), "new");
  EXPECT_NE(disk().info(at("b"))->inode, before);
  EXPECT_EQ(disk().info(at("a")).code(), Code::kNotFound);
  Status missing = disk().rename(at("a"), at("c"));
  EXPECT_EQ(missing.code(), Code::kNotFound);
  EXPECT_THAT(std::string(missing.message()), HasSubstr("rename"));
}

TEST_P(DiskTest, AnOpenFileOutlivesItsName) {
  write("a", "alive");
  auto file = disk().open_read(at("a"));
  ASSERT_TRUE(file.is_ok());
  ASSERT_TRUE(disk().remove(at("a")).is_ok());
  Bytes out(5);
  ASSERT_TRUE((*file)->read_at(0, out).is_ok());
  EXPECT_EQ(as_text(out), "alive");
  EXPECT_EQ(disk().remove(at("a")).code(), Code::kNotFound);
}

TEST_P(DiskTest, ListsByNameWithDirectoriesMarked) {
  write("b", "");
  write("a", "");
  ASSERT_TRUE(disk().make_directory(at("c"), 0700).is_ok());
  EXPECT_EQ(disk().make_directory(at("c"), 0700).code(), Code::kAlreadyExists);
  auto entries = disk().list(at(""));
  ASSERT_TRUE(entries.is_ok()) << entries.status().to_string();
  ASSERT_EQ(entries->size(), 3u);
  EXPECT_EQ((*entries)[0].name, "a");
  EXPECT_FALSE((*entries)[0].is_directory);
  EXPECT_EQ((*entries)[1].name, "b");
  EXPECT_EQ((*entries)[2].name, "c");
  EXPECT_TRUE((*entries)[2].is_directory);
  EXPECT_EQ(disk().list(at("none")).code(), Code::kNotFound);
}

TEST_P(DiskTest, ADirectoryIsNotAFile) {
  ASSERT_TRUE(disk().make_directory(at("d"), 0700).is_ok());
  EXPECT_EQ(disk().open_read(at("d")).code(), Code::kInvalidArgument);
  EXPECT_EQ(disk().open_write(at("d")).code(), Code::kInvalidArgument);
  EXPECT_TRUE(disk().sync_directory(at("d")).is_ok());
  EXPECT_TRUE(disk().sync_all(at("d")).is_ok());
}

TEST_P(DiskTest, OnlyAnEmptyDirectoryIsRemoved) {
  ASSERT_TRUE(disk().make_directory(at("d"), 0700).is_ok());
  write("d/a", "");
  EXPECT_EQ(disk().remove(at("d")).code(), Code::kInvalidArgument);
  ASSERT_TRUE(disk().remove(at("d/a")).is_ok());
  EXPECT_TRUE(disk().remove(at("d")).is_ok());
  EXPECT_EQ(disk().info(at("d")).code(), Code::kNotFound);
}

TEST_P(DiskTest, AClosedFileRefusesEverything) {
  auto file = disk().create(at("a"), 0600);
  ASSERT_TRUE(file.is_ok());
  ASSERT_TRUE((*file)->close().is_ok());
  Bytes out(1);
  EXPECT_EQ((*file)->write_at(0, as_bytes("x")).code(), Code::kInvalidArgument);
  EXPECT_EQ((*file)->read_at(0, out).code(), Code::kInvalidArgument);
  EXPECT_EQ((*file)->sync().code(), Code::kInvalidArgument);
  EXPECT_EQ((*file)->truncate(0).code(), Code::kInvalidArgument);
  EXPECT_EQ((*file)->size().code(), Code::kInvalidArgument);
  EXPECT_EQ((*file)->close().code(), Code::kInvalidArgument);
}

TEST_P(DiskTest, ALockExcludesThreadsUntilItIsReleased) {
  auto held = disk().lock(at("lock"), false);
  ASSERT_TRUE(held.is_ok()) << held.status().to_string();
  EXPECT_EQ(disk().info(at("lock"))->mode, 0600u);
  auto refused = disk().lock(at("lock"), false);
  EXPECT_EQ(refused.code(), Code::kBusy);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr(at("lock")));

  std::atomic<bool> released{false};
  std::thread waiter([&] {
    auto waited = disk().lock(at("lock"), true);
    EXPECT_TRUE(waited.is_ok());
    EXPECT_TRUE(released.load());
  });
  released = true;
  held->reset();
  waiter.join();
  EXPECT_TRUE(disk().lock(at("lock"), false).is_ok());
}

TEST_P(DiskTest, WholeFilesAreReadUpToTheLimit) {
  write("a", "12345");
  EXPECT_EQ(read_file(disk(), at("a"), 5)->size(), 5u);
  auto over = read_file(disk(), at("a"), 4);
  EXPECT_EQ(over.code(), Code::kLimitExceeded);
  EXPECT_THAT(std::string(over.status().message()), HasSubstr(at("a")));
  EXPECT_EQ(read_file(disk(), at("none"), 5).code(), Code::kNotFound);
  write("empty", "");
  EXPECT_EQ(read_file(disk(), at("empty"), 0)->size(), 0u);
}

TEST_P(DiskTest, ReplacingAFileLeavesNothingElse) {
  for (std::string_view text : {"first", "second, longer", ""}) {
    ASSERT_TRUE(replace_file(disk(), at("a"), as_bytes(text), 0600).is_ok());
    EXPECT_EQ(contents("a"), text);
  }
  EXPECT_EQ(disk().info(at("a"))->mode, 0600u);
  EXPECT_EQ(disk().list(at(""))->size(), 1u);
}

// Only the real one.

TEST(PosixDisk, ErrorsNameOperationPathAndCause) {
  auto missing = Disk::posix().open_read("/nowhere/at all");
  EXPECT_EQ(missing.status().to_string(), "not_found: open /nowhere/at all: No such file or directory");
}

TEST(PosixDisk, AFullDeviceIsNoSpace) {
  auto file = Disk::posix().open_read("/dev/full");
  EXPECT_EQ(file.code(), Code::kInvalidArgument) << "a device is not a regular file";

  TemporaryDirectory directory;
  auto limited = Disk::posix().create(directory / "a", 0600);
  ASSERT_TRUE(limited.is_ok());
  // A file size limit stands in for a full disk: both end a write early. SIGXFSZ would kill the process.
  struct rlimit old;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  struct rlimit small = {1000, old.rlim_max};
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  Status status = (*limited)->write_at(0, Bytes(2000));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(status.code(), Code::kLimitExceeded) << status.to_string();
  EXPECT_EQ((*limited)->size().value(), 1000u) << "the short write before the error";
}

TEST(PosixDisk, AFileGetsTheAttributesOfAnother) {
  TemporaryDirectory directory;
  const std::string from = directory / "from", to = directory / "to";
  ASSERT_TRUE(Disk::posix().create(from, 0640).is_ok());
  auto file = Disk::posix().create(to, 0640);
  ASSERT_TRUE(file.is_ok());
  ASSERT_TRUE((*file)->set_attributes_like(from).is_ok());  // none
  const std::string value(3000, 'v');
  ASSERT_EQ(::setxattr(from.c_str(), "user.large", value.data(), value.size(), 0), 0) << std::strerror(errno);
  ASSERT_EQ(::setxattr(from.c_str(), "user.empty", "", 0, 0), 0);
  // user::rw- user:4242:r-- group::r-- mask::r-- other::---
  const uint8_t acl[] = {2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2,  0, 4, 0, 146, 16,  0,   0,   4,   0,
                         4, 0, 255, 255, 255, 255, 16, 0, 4, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255};
  ASSERT_EQ(::setxattr(from.c_str(), "system.posix_acl_access", acl, sizeof acl, 0), 0) << std::strerror(errno);
  const Status status = (*file)->set_attributes_like(from);
  ASSERT_TRUE(status.is_ok()) << status.to_string();
  for (const char* const name : {"user.large", "user.empty", "system.posix_acl_access"}) {
    std::string expected(8000, 0), found(8000, 0);
    const ssize_t expected_size = ::getxattr(from.c_str(), name, expected.data(), expected.size());
    EXPECT_EQ(::getxattr(to.c_str(), name, found.data(), found.size()), expected_size) << name;
    EXPECT_EQ(found, expected) << name;
  }
  EXPECT_EQ((*file)->info()->mode, Disk::posix().info(from)->mode);
  EXPECT_EQ((*file)->set_attributes_like(directory / "none").code(), Code::kNotFound);
}

TEST(PosixDisk, AFileTellsWhetherAnybodyElseHasItOpen) {
  TemporaryDirectory directory;
  const std::string path = directory / "a";
  ASSERT_TRUE(Disk::posix().create(path, 0600).is_ok());
  const auto file = Disk::posix().open_write(path);
  ASSERT_TRUE(file.is_ok());
  EXPECT_TRUE((*file)->check_alone().is_ok()) << (*file)->check_alone().to_string();
  {
    const auto reader = Disk::posix().open_read(path);
    ASSERT_TRUE(reader.is_ok());
    const Status status = (*file)->check_alone();
    EXPECT_EQ(status.code(), Code::kBusy);
    EXPECT_THAT(status.to_string(), HasSubstr(path + ": a program has it open"));
  }
  EXPECT_TRUE((*file)->check_alone().is_ok());
  ASSERT_TRUE((*file)->close().is_ok());
  EXPECT_EQ((*file)->check_alone().code(), Code::kInvalidArgument);
}

TEST(PosixDisk, ALockedRangeIsLockedForEverybodyElse) {
  TemporaryDirectory directory;
  const std::string path = directory / "a";
  auto first = Disk::posix().create(path, 0600);
  auto second = Disk::posix().open_write(path);
  ASSERT_TRUE(first.is_ok() && second.is_ok());
  constexpr uint64_t kBehind = uint64_t{1} << 30;
  ASSERT_TRUE((*first)->lock_range(kBehind, 512).is_ok());
  EXPECT_EQ((*second)->lock_range(kBehind + 511, 1).code(), Code::kBusy);
  EXPECT_TRUE((*second)->lock_range(kBehind + 512, 1).is_ok());
  struct flock wanted {};  // as a process locks it, and SQLite
  wanted.l_type = F_RDLCK;
  wanted.l_whence = SEEK_SET;
  wanted.l_start = static_cast<off_t>(kBehind);
  wanted.l_len = 1;
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  EXPECT_EQ(::fcntl(descriptor, F_SETLK, &wanted), -1);
  ASSERT_TRUE((*first)->close().is_ok());
  EXPECT_EQ(::fcntl(descriptor, F_SETLK, &wanted), 0);
  ::close(descriptor);
}

TEST(PosixDisk, AFifoIsRefusedWithoutWaiting) {
  TemporaryDirectory directory;
  ASSERT_EQ(::mkfifo((directory / "fifo").c_str(), 0600), 0);
  auto file = Disk::posix().open_read(directory / "fifo");
  EXPECT_EQ(file.code(), Code::kInvalidArgument);
  EXPECT_THAT(std::string(file.status().message()), HasSubstr("not a regular file"));
}

TEST(PosixDisk, LinksAreListedAsWhatTheyLeadTo) {
  TemporaryDirectory directory;
  std::filesystem::create_directory(directory / "d");
  std::filesystem::create_symlink("d", directory / "to-directory");
  std::filesystem::create_symlink("nowhere", directory / "to-nothing");
  auto entries = Disk::posix().list(directory.path());
  ASSERT_TRUE(entries.is_ok());
  ASSERT_EQ(entries->size(), 3u);
  EXPECT_TRUE((*entries)[1].is_directory);
  EXPECT_FALSE((*entries)[2].is_directory);
}

TEST(PosixDisk, DescriptorsDoNotReachOtherPrograms) {
  TemporaryDirectory directory;
  auto file = Disk::posix().create(directory / "secret-name", 0600);
  auto lock = Disk::posix().lock(directory / "lock-name", true);
  ASSERT_TRUE(file.is_ok() && lock.is_ok());
  std::string command = "ls -l /proc/self/fd | grep -q -e secret-name -e lock-name";
  EXPECT_NE(std::system(command.c_str()), 0);
}

// util-linux's flock(1) as the other process: it knows nothing of Coffer.
TEST(PosixDisk, LocksExcludeOtherPrograms) {
  TemporaryDirectory directory;
  std::string command = "flock --nonblock " + (directory / "lock") + " true";
  {
    auto held = Disk::posix().lock(directory / "lock", true);
    ASSERT_TRUE(held.is_ok());
    EXPECT_EQ(WEXITSTATUS(std::system(command.c_str())), 1);
  }
  EXPECT_EQ(std::system(command.c_str()), 0);
  EXPECT_EQ(std::system(("flock " + (directory / "lock") + " test -e " + (directory / "lock")).c_str()), 0);
}

TEST(PosixDisk, ALockHeldByAKilledProcessIsFree) {
  TemporaryDirectory directory;
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  pid_t child = ::fork();
  if (child == 0) {
    auto held = Disk::posix().lock(directory / "lock", true);
    char byte = held.is_ok() ? 'y' : 'n';
    if (::write(ready[1], &byte, 1) == 1) ::pause();
    ::_exit(1);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_EQ(byte, 'y');
  EXPECT_EQ(Disk::posix().lock(directory / "lock", false).code(), Code::kBusy);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(Disk::posix().lock(directory / "lock", false).is_ok());
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST(PosixDisk, AnUnwritableDirectoryIsPermissionDenied) {
  if (::geteuid() == 0) {
    // Root passes every permission check, so ask a file system that cannot be written at all.
    EXPECT_THAT(Disk::posix().create("/proc/coffer", 0600).code(),
                testing::AnyOf(Code::kPermissionDenied, Code::kNotFound));
    return;
  }
  TemporaryDirectory directory;
  ASSERT_EQ(::chmod(directory.path().c_str(), 0500), 0);
  EXPECT_EQ(Disk::posix().create(directory / "a", 0600).code(), Code::kPermissionDenied);
  ASSERT_EQ(::chmod(directory.path().c_str(), 0700), 0);
}

}  // namespace
}  // namespace coffer
