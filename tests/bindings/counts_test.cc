// After whatever a program does to its files, the counts that are kept are those of a full count.
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "bindings/c_file_fixture.h"
#include "coffer/ops/inventory.h"
#include "support/random_source.h"

namespace coffer {
namespace {

// A program's file on the disk.
class DiskFile {
 public:
  explicit DiskFile(const std::string& path) : fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {}
  ~DiskFile() { ::close(fd_); }
  DiskFile(const DiskFile&) = delete;
  DiskFile& operator=(const DiskFile&) = delete;

  coffer_io_t io() { return {sizeof(coffer_io_t), this, read, write, sync, truncate, size}; }

 private:
  static int fd(void* user) { return static_cast<DiskFile*>(user)->fd_; }
  static coffer_code_t code(bool done) { return done ? COFFER_OK : COFFER_IO; }
  static coffer_code_t read(void* user, uint64_t offset, void* out, size_t size, size_t* done) {
    const ssize_t count = ::pread(fd(user), out, size, static_cast<off_t>(offset));
    *done = count < 0 ? 0 : static_cast<size_t>(count);
    return code(count >= 0);
  }
  static coffer_code_t write(void* user, uint64_t offset, const void* data, size_t size) {
    return code(::pwrite(fd(user), data, size, static_cast<off_t>(offset)) == static_cast<ssize_t>(size));
  }
  static coffer_code_t sync(void* user) { return code(::fdatasync(fd(user)) == 0); }
  static coffer_code_t truncate(void* user, uint64_t size) {
    return code(::ftruncate(fd(user), static_cast<off_t>(size)) == 0);
  }
  static coffer_code_t size(void* user, uint64_t* size) {
    const off_t end = ::lseek(fd(user), 0, SEEK_END);
    *size = static_cast<uint64_t>(end);
    return code(end >= 0);
  }

  const int fd_;
};

using Counted = std::map<FileClass, Usage>;

// Those that have no header yet are nobody's.
Counted encrypted_of(const std::map<Id, StoreCounts>& stores) {
  Counted out;
  for (const auto& [store, counts] : stores) {
    for (const auto& [of, usage] : counts.by_class) {
      if (of.what == FileClass::What::kEncrypted) out[of] = {out[of].files + usage.files, out[of].bytes + usage.bytes};
    }
  }
  return out;
}

class CCountsTest : public CFileTest {
 protected:
  struct OpenOne {
    std::unique_ptr<DiskFile> disk;
    coffer_file_t* file = nullptr;
    std::string name;
    coffer_role_t role = COFFER_ROLE_LOG;
  };

  uint64_t some(uint64_t below) { return chance_.below(below); }
  void count_all() {
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    ASSERT_OK(take_inventory(*c_->coffer, {}, FileCounts::Keep::kAlways));
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
  }
  Counted kept() {
    EXPECT_TRUE(c_->coffer->file_counts().save().is_ok());
    const auto loaded = c_->coffer->file_counts().load();
    EXPECT_TRUE(loaded.is_ok() && *loaded);
    return loaded.is_ok() && *loaded ? encrypted_of((*loaded)->stores) : Counted();
  }
  Counted counted_anew() {
    FileTally tally(*c_->coffer);
    EXPECT_TRUE(visit_files(*c_->coffer, {}, [&](const InventoryFile& file) {
                  tally.add(file);
                  return Status::ok();
                }).is_ok());
    return encrypted_of(tally.result().stores);
  }

  void begin(const std::string& name, coffer_role_t role) {
    OpenOne one{std::make_unique<DiskFile>(db(name)), nullptr, name, role};
    const coffer_io_t io = one.disk->io();
    if (roles_.contains(name)) {
      ASSERT_C_OK(error_, coffer_file_reopen(c_, db(name).c_str(), role, &io, &one.file, error_.out()));
    } else {
      ASSERT_C_OK(error_, coffer_file_create(c_, db(name).c_str(), role, nullptr, &io, &one.file, error_.out()));
    }
    roles_[name] = role;
    open_.push_back(std::move(one));
  }
  void change(OpenOne& one) {
    const std::string data = text_of(some(30'000) + 1);
    if (one.role != COFFER_ROLE_IN_PLACE) {
      ASSERT_C_OK(error_, coffer_file_append(one.file, data.data(), data.size(), error_.out()));
    } else if (some(3) > 0) {
      ASSERT_C_OK(error_, coffer_file_write_at(one.file, some(100'000), data.data(), data.size(), error_.out()));
    } else if (some(2) > 0) {
      ASSERT_C_OK(error_, coffer_file_truncate(one.file, some(100'000), error_.out()));
    } else {
      ASSERT_C_OK(error_, coffer_file_punch_hole(one.file, some(50'000), some(50'000), error_.out()));
    }
  }
  void close_one(size_t index) {
    if (some(8) > 0) {
      ASSERT_C_OK(error_, coffer_file_close(open_[index].file, error_.out()));
    } else {
      coffer_file_abandon(open_[index].file);
    }
    open_.erase(open_.begin() + static_cast<ptrdiff_t>(index));
  }
  bool is_open(const std::string& name) const {
    return std::ranges::any_of(open_, [&](const OpenOne& one) { return one.name == name; });
  }
  // Of a file at rest, which may be a log or one that is changed in place.
  std::string one_at_rest() {
    std::vector<std::string> names;
    for (const auto& [name, role] : roles_) {
      if (!is_open(name)) names.push_back(name);
    }
    return names.empty() ? std::string() : names[some(names.size())];
  }
  void change_names(const std::string& name) {
    const std::string other = "n" + std::to_string(some(12));
    if (some(3) == 0) {
      ASSERT_C_OK(error_, coffer_file_remove(c_, db(name).c_str(), error_.out()));
      roles_.erase(name);
    } else if (is_open(other)) {
      return;
    } else if (some(2) == 0 && !std::filesystem::exists(db(other)) && roles_[name] == COFFER_ROLE_DATA) {
      // Nobody grows a file by one of two names here: it would be counted by that alone.
      ASSERT_C_OK(error_, coffer_file_link(c_, db(name).c_str(), db(other).c_str(), error_.out()));
      roles_[other] = COFFER_ROLE_DATA;
    } else {
      ASSERT_C_OK(error_, coffer_file_rename(c_, db(name).c_str(), db(other).c_str(), error_.out()));
      const coffer_role_t role = roles_[name];
      if (!std::filesystem::exists(db(name))) roles_.erase(name);
      roles_[other] = role;
    }
  }
  void step(size_t number) {
    const std::string rest = one_at_rest();
    switch (some(6)) {
      case 0: {
        const coffer_role_t roles[] = {GetParam().role, COFFER_ROLE_LOG, COFFER_ROLE_IN_PLACE};
        return begin("f" + std::to_string(number), roles[some(3)]);
      }
      case 1:
        if (!rest.empty() && roles_[rest] != COFFER_ROLE_DATA) begin(rest, roles_[rest]);
        return;
      case 2:
        if (!rest.empty()) change_names(rest);
        return;
      case 3:
        if (!open_.empty()) close_one(some(open_.size()));
        return;
      default:
        if (!open_.empty()) change(open_[some(open_.size())]);
    }
  }
  void close_all() {
    while (!open_.empty()) close_one(open_.size() - 1);
  }

  RandomSource chance_;
  std::map<std::string, coffer_role_t> roles_;
  std::vector<OpenOne> open_;
};

INSTANTIATE_TEST_SUITE_P(Kinds, CCountsTest, testing::Values(kBlocksFile, kCtrFile), name_of);

TEST_P(CCountsTest, AreThoseOfAFullCountAfterWhateverIsDone) {
  SCOPED_TRACE(chance_.trace());
  begin("first", GetParam().role);
  change(open_[0]);
  close_all();
  count_all();
  for (size_t round = 0; round < 4; ++round) {
    for (size_t i = 0; i < 60; ++i) {
      step(round * 60 + i);
      if (HasFatalFailure()) return;
    }
    // While files are open, too.
    EXPECT_EQ(kept(), counted_anew()) << "round " << round;
    if (round == 1) {
      ASSERT_C_OK(error_, coffer_rotate_domain(c_, "system", error_.out()));
    }
  }
  close_all();
  EXPECT_EQ(kept(), counted_anew());
  EXPECT_EQ(kept().size(), 2u);
}

TEST_P(CCountsTest, AFileThatIsNotAtItsPathIsInNone) {
  begin("first", GetParam().role);
  change(open_[0]);
  close_all();
  count_all();
  MemoryFile memory;
  write_file(memory, "contents");
  EXPECT_EQ(kept(), counted_anew());
}

TEST_P(CCountsTest, NamesAreChangedAsTheSystemDoesIt) {
  EXPECT_EQ(coffer_file_remove(c_, db("none").c_str(), error_.out()), COFFER_NOT_FOUND);
  EXPECT_EQ(coffer_file_rename(c_, db("none").c_str(), db("a").c_str(), error_.out()), COFFER_NOT_FOUND);
  EXPECT_EQ(coffer_file_link(c_, db("none").c_str(), db("a").c_str(), error_.out()), COFFER_NOT_FOUND);
  EXPECT_EQ(coffer_file_remove(c_, "db/a", error_.out()), COFFER_INVALID_ARGUMENT);
  std::filesystem::create_directory(db("folder"));
  EXPECT_EQ(coffer_file_remove(c_, db("folder").c_str(), error_.out()), COFFER_INVALID_ARGUMENT);
  EXPECT_TRUE(std::filesystem::remove(db("folder")));
  EXPECT_EQ(coffer_file_rename(c_, db("a").c_str(), "a", error_.out()), COFFER_INVALID_ARGUMENT);
  EXPECT_EQ(coffer_file_link(c_, nullptr, db("a").c_str(), error_.out()), COFFER_INVALID_ARGUMENT);
  write(db("a"), "a");
  write(db("b"), "b");
  EXPECT_EQ(coffer_file_link(c_, db("a").c_str(), db("b").c_str(), error_.out()), COFFER_ALREADY_EXISTS);
  ASSERT_C_OK(error_, coffer_file_rename(c_, db("a").c_str(), db("b").c_str(), error_.out()));
  EXPECT_EQ(read(db("b")), "a");
  ASSERT_C_OK(error_, coffer_file_link(c_, db("b").c_str(), db("c").c_str(), error_.out()));
  ASSERT_C_OK(error_, coffer_file_remove(c_, db("b").c_str(), error_.out()));
  EXPECT_EQ(read(db("c")), "a");
}

}  // namespace
}  // namespace coffer
