// Re-encryption: every file comes out the same under another key, or stays as it is, whatever happens on the way.
#include "coffer/ops/reencrypt.h"

#include <sys/stat.h>

#include "coffer/base/codec.h"
#include "coffer/base/crc32c.h"
#include "coffer/files/file_head.h"
#include "coffer/ops/policy.h"
#include "coffer/ops/verify.h"
#include "reencrypt_fixture.h"
#include "support/fault_disk.h"
#include "support/passing_disk.h"

namespace coffer {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

Kind kind_called(const std::string& name) {
  for (const Kind kind : {Kind::kCtr, Kind::kLog, Kind::kPages, Kind::kSqlite}) {
    if (kind_name(kind) == name) return kind;
  }
  return Kind::kBlocks;
}

// As files of a mount may be called.
const std::string kLongName(255, 'n');

class ReencryptTest : public CofferFixture {
 protected:
  const Contents contents_ = {{"blocks", std::string(70000, 'b')}, {"ctr", std::string(9000, 'c')},
                              {"log", std::string(5000, 'l')},     {"empty", ""},
                              {"pages", std::string(9000, 'p')},   {"sqlite", database_text(3)},
                              {kLongName, std::string(3000, 'n')}};

  void SetUp() override {
    CofferFixture::SetUp();
    for (const auto& [name, text] : contents_) write(db(name), sealed_file(kind_called(name), text));
    rotate(*coffer_);
  }

  void expect_all_read() {
    for (const auto& [name, text] : contents_) EXPECT_EQ(read_plain(*coffer_, db(name)), text) << name;
  }
  uint32_t active_version() const { return coffer_->keyring()->find_domain(kSystemDomain)->active()->version; }
  std::string key_of_version(size_t version) const {
    return coffer_->keyring()->find_domain(kSystemDomain)->keys[version - 1].id.hex();
  }
  void damage(const std::string& name, size_t at) {
    std::string bytes = read(db(name));
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    write(db(name), bytes);
  }
};

TEST_F(ReencryptTest, EveryKindGetsAnotherFileKeyAndNothingElseChanges) {
  std::map<std::string, EnvelopeFields> before;
  struct stat old_stat {};
  ASSERT_EQ(::chmod(db("log").c_str(), 0640), 0);
  ASSERT_EQ(::stat(db("log").c_str(), &old_stat), 0);
  for (const auto& [name, text] : contents_) before[name] = fields_of(*coffer_, db(name));
  auto report = run(*coffer_);
  ASSERT_OK(report);
  EXPECT_THAT(report->problems, IsEmpty());
  EXPECT_EQ(report->reencrypted, contents_.size());
  EXPECT_EQ(report->files_to_do, contents_.size());
  EXPECT_EQ(report->bytes, report->bytes_to_do);
  expect_all_read();
  for (const auto& [name, text] : contents_) {
    const EnvelopeFields after = fields_of(*coffer_, db(name));
    EXPECT_NE(after.file_id, before[name].file_id) << name;
    EXPECT_EQ(after.store_id, before[name].store_id) << name;
    EXPECT_EQ(after.kind, before[name].kind) << name;
    EXPECT_EQ(after.oldest_key_version, active_version()) << name;
  }
  struct stat new_stat {};
  ASSERT_EQ(::stat(db("log").c_str(), &new_stat), 0);
  EXPECT_EQ(new_stat.st_mode, old_stat.st_mode);
  EXPECT_EQ(new_stat.st_mtim.tv_nsec, old_stat.st_mtim.tv_nsec);
  EXPECT_NE(new_stat.st_ino, old_stat.st_ino);
  EXPECT_THAT(leftovers(*coffer_), IsEmpty());
}

TEST_F(ReencryptTest, AFileThatIsChangedInPlaceStaysWhileAProgramHasItOpen) {
  for (const std::string name : {"pages", "sqlite"}) {
    rotate(*coffer_);
    const std::string before = read(db(name));
    {
      const auto opened = disk().open_write(db(name));
      ASSERT_OK(opened);
      auto report = run(*coffer_);
      ASSERT_OK(report);
      ASSERT_EQ(report->problems.size(), 1u);
      EXPECT_EQ(report->problems[0].path, db(name));
      EXPECT_EQ(report->problems[0].status.code(), Code::kBusy);
      EXPECT_EQ(report->files_left, 1u);
      EXPECT_THAT(leftovers(*coffer_), IsEmpty());
    }
    EXPECT_EQ(read(db(name)), before);
    EXPECT_EQ(run(*coffer_)->reencrypted, 1u);
    expect_all_read();
  }
}

// It would go on with the file that lost its name.
TEST_F(ReencryptTest, WhoOpensAFileThatIsChangedInPlaceMeanwhileKeepsIt) {
  for (const std::string name : {"pages", "sqlite"}) {
    rotate(*coffer_);
    const std::string before = read(db(name));
    std::unique_ptr<WritableFile> opened;
    ReencryptOptions options;
    // Asked between two pieces, when the first look at who has it open is over.
    options.pace.stop = [&] {
      if (!leftovers(*coffer_).empty() && opened == nullptr) opened = disk().open_write(db(name)).value();
      return false;
    };
    const auto report = reencrypt(*coffer_, {db(name)}, options, nullptr);
    ASSERT_OK(report);
    ASSERT_NE(opened, nullptr);
    ASSERT_EQ(report->problems.size(), 1u);
    EXPECT_EQ(report->problems[0].status.code(), Code::kBusy);
    EXPECT_EQ(read(db(name)), before);
    EXPECT_THAT(leftovers(*coffer_), IsEmpty());
    ASSERT_OK(run(*coffer_));
  }
}

// Between the last look and the rename.
class LateOpener final : public PassingDisk {
 public:
  using PassingDisk::PassingDisk;
  Status rename(const std::string& from, const std::string& to) override {
    if (is_successor(from)) opened_ = PassingDisk::open_write(to).value();
    return PassingDisk::rename(from, to);
  }
  const WritableFile& opened() const { return *opened_; }

 private:
  std::unique_ptr<WritableFile> opened_;
};

TEST_F(ReencryptTest, WhoOpensOneInTheLastInstantFindsThatItIsNoneAnyMore) {
  for (const std::string name : {"pages", "sqlite"}) {
    rotate(*coffer_);
    LateOpener late(disk());
    auto coffer = Coffer::open(late, coffer_path(), {}, open_provider);
    ASSERT_OK(coffer);
    const auto report = reencrypt(**coffer, {db(name)}, {}, nullptr);
    ASSERT_OK(report);
    EXPECT_EQ(report->reencrypted, 1u);
    const auto head = read_head(late.opened(), name);
    ASSERT_OK(head);
    EXPECT_EQ(head->refusal.code(), Code::kDamaged);
    if (name == "pages") continue;
    Bytes page(kSqlitePageSizeMin);
    ASSERT_OK(late.opened().read_at(kEnvelopeSize, page));
    EXPECT_TRUE(is_all_zero(page)) << "SQLite would go on with it";
  }
  expect_all_read();
}

TEST_F(ReencryptTest, APagesFileGetsThePageSizeOfTheConfiguration) {
  ASSERT_OK(run(*coffer_));
  std::string config = read(coffer_path() + "/coffer.yaml");
  const size_t at = config.find("page_size: 4096");
  ASSERT_NE(at, std::string::npos);
  write(coffer_path() + "/coffer.yaml", config.replace(at, 15, "page_size: 8192"));
  coffer_ = open_coffer();
  EXPECT_EQ(files_of_other_ciphers(*coffer_)->size(), 1u);
  const auto report = run(*coffer_);
  ASSERT_OK(report);
  EXPECT_EQ(report->reencrypted, 1u);
  EXPECT_EQ(fields_of(*coffer_, db("pages")).chunk_log2, 13);
  EXPECT_TRUE(files_of_other_ciphers(*coffer_)->empty());
  expect_all_read();
}

TEST_F(ReencryptTest, ADatabaseThatLostItsLastPagesIsNotTakenOver) {
  const std::string whole = read(db("sqlite"));
  write(db("sqlite"), whole.substr(0, whole.size() - kSqlitePageSizeMin));
  const auto report = run(*coffer_);
  ASSERT_OK(report);
  ASSERT_EQ(report->problems.size(), 1u);
  EXPECT_EQ(report->problems[0].status.code(), Code::kTruncated);
  write(db("sqlite"), whole);
  EXPECT_EQ(run(*coffer_)->reencrypted, 1u);
}

TEST_F(ReencryptTest, WhatIsDoneSaysSoItself) {
  ASSERT_OK(run(*coffer_));
  auto again = run(*coffer_);
  ASSERT_OK(again);
  EXPECT_EQ(again->reencrypted, 0u);
  EXPECT_EQ(again->current, contents_.size());
  EXPECT_EQ(again->files_to_do, 0u);
}

// A rewrap keeps the file key, which the old domain key has wrapped once.
TEST_F(ReencryptTest, ARewrappedFileStillHasAnOldFileKey) {
  ASSERT_OK(rewrap(*coffer_, {}, {}, nullptr));
  auto report = run(*coffer_, {.key = "system:1"});
  ASSERT_OK(report);
  EXPECT_EQ(report->reencrypted, contents_.size());
  expect_all_read();
}

TEST_F(ReencryptTest, OnlyFilesThatAKeyMayHaveWrappedAreDone) {
  write(db("new"), sealed_file(Kind::kLog, "made under the second key"));
  rotate(*coffer_);
  EXPECT_EQ(run(*coffer_, {.key = key_of_version(3)}).code(), Code::kInvalidArgument) << "it is active";
  EXPECT_EQ(run(*coffer_, {.key = "system:9"}).code(), Code::kNotFound);
  EXPECT_EQ(run(*coffer_, {.domain = "none"}).code(), Code::kNotFound);
  auto second = run(*coffer_, {.key = key_of_version(2)});
  ASSERT_OK(second);
  EXPECT_EQ(second->reencrypted, 1u);
  EXPECT_EQ(fields_of(*coffer_, db("new")).oldest_key_version, 3u);
  auto rest = run(*coffer_);
  ASSERT_OK(rest);
  EXPECT_EQ(rest->reencrypted, contents_.size());
}

// As an operator may have it: then the numbers are not in the order of time.
TEST_F(ReencryptTest, AnOldKeyThatIsActiveAgainIsOneThatMayHaveWrapped) {
  const Id second = coffer_->keyring()->find_domain(kSystemDomain)->active()->id;
  const auto change = [&](KeyState state) {
    ASSERT_OK(
        coffer_->live_keyring().update([&](Keyring& keyring) { return keyring.change_key(second, state, 1000); }));
  };
  change(KeyState::kSuspended);
  ASSERT_OK(run(*coffer_));  // all are made under the third
  change(KeyState::kActive);
  ASSERT_OK(rewrap(*coffer_, {}, {}, nullptr));
  rotate(*coffer_);
  ASSERT_OK(rewrap(*coffer_, {}, {}, nullptr));
  const EnvelopeFields fields = fields_of(*coffer_, db("log"));
  EXPECT_EQ(fields.domain_key_version, 4u);
  EXPECT_EQ(fields.oldest_key_version, 2u);
  EXPECT_EQ(fields.newest_key_version, 4u);
  auto report = run(*coffer_, {.key = "system:2"});
  ASSERT_OK(report);
  EXPECT_EQ(report->reencrypted, contents_.size());
}

TEST_F(ReencryptTest, OneDomainLeavesTheOthers) {
  ASSERT_OK(coffer_->live_keyring().update([](Keyring& keyring) { return keyring.add_domain("tenant", 1000); }));
  write(db("tenant"), sealed_file(Kind::kBlocks, "x", "tenant"));
  ASSERT_OK(coffer_->live_keyring().update([](Keyring& keyring) { return keyring.rotate_domain("tenant", 1000); }));
  auto report = run(*coffer_, {.domain = "tenant"});
  ASSERT_OK(report);
  EXPECT_EQ(report->reencrypted, 1u);
  EXPECT_EQ(run(*coffer_, {.domain = "tenant", .key = key_of_version(1)}).code(), Code::kInvalidArgument);
}

TEST_F(ReencryptTest, CipherAndChunkSizeBecomeThoseOfTheConfiguration) {
  ASSERT_OK(run(*coffer_));
  Config config = coffer_->config();
  config.suite = Suite::kChaCha20Poly1305;
  config.chunk_log2 = 14;
  ASSERT_OK(coffer_->edit_config([&](std::string_view) -> Result<std::string> { return format_config(config); }));
  coffer_ = open_coffer();
  auto report = run(*coffer_);
  ASSERT_OK(report);
  EXPECT_THAT(report->problems, IsEmpty());
  expect_all_read();
  EXPECT_EQ(fields_of(*coffer_, db("blocks")).suite, Suite::kChaCha20Poly1305);
  EXPECT_EQ(fields_of(*coffer_, db("blocks")).chunk_log2, 14);
  EXPECT_EQ(run(*coffer_)->reencrypted, 0u);
}

TEST_F(ReencryptTest, ADamagedFileStaysAsItIsAndTheOthersAreDone) {
  const size_t middle = kEnvelopeSize + 4500;
  const std::vector<std::string> names = {"blocks", "ctr", "log", "pages", "sqlite"};
  Contents before;
  for (const std::string& name : names) {
    damage(name, name == "pages" ? read(db(name)).size() - 100 : name == "sqlite" ? kEnvelopeSize + 1500 : middle);
    before[name] = read(db(name));
  }
  auto report = run(*coffer_);
  ASSERT_OK(report);
  EXPECT_EQ(report->problems.size(), names.size());
  EXPECT_EQ(report->reencrypted, contents_.size() - names.size());
  EXPECT_EQ(report->files_left, names.size());
  ASSERT_EQ(report->left.size(), names.size());
  EXPECT_EQ(report->left[0].path, db("blocks"));
  EXPECT_EQ(report->left[0].why, report->problems[0].status.to_string());
  for (const std::string& name : names) EXPECT_EQ(read(db(name)), before[name]) << name;
  EXPECT_THAT(leftovers(*coffer_), IsEmpty());
}

TEST_F(ReencryptTest, AHeaderThatOnlyClaimsToBeDoneIsNotBelieved) {
  std::string bytes = read(db("log"));
  for (size_t slot : {size_t{0}, kSlotSize}) {  // domain key, oldest and newest key version, with a good checksum
    store_le32(reinterpret_cast<uint8_t*>(&bytes[slot + 72]), 2);
    store_le32(reinterpret_cast<uint8_t*>(&bytes[slot + 76]), 0x20002);
    store_le32(reinterpret_cast<uint8_t*>(&bytes[slot + 508]), crc32c(as_bytes(bytes).subspan(slot, 508)));
  }
  write(db("log"), bytes);
  auto report = run(*coffer_);
  ASSERT_OK(report);
  ASSERT_EQ(report->problems.size(), 1u);
  EXPECT_EQ(report->problems[0].status.code(), Code::kTampered);
  EXPECT_EQ(report->left.size(), 1u);
}

// Whoever can write to the disk can do so between two reads, too.
class FickleDisk final : public PassingDisk {
 public:
  using PassingDisk::PassingDisk;
  Result<std::unique_ptr<ReadableFile>> open_read(const std::string& path) override {
    COFFER_ASSIGN(auto file, PassingDisk::open_read(path));
    return std::unique_ptr<ReadableFile>(std::make_unique<File>(std::move(file)));
  }

 private:
  // From the second look at a body's byte on, it is another.
  class File final : public ReadableFile {
   public:
    explicit File(std::unique_ptr<ReadableFile> file) : file_(std::move(file)) {}
    Result<size_t> read_at(uint64_t offset, MutableBytes out) const override {
      COFFER_ASSIGN(const size_t count, file_->read_at(offset, out));
      const uint64_t at = kEnvelopeSize + 100;
      if (offset <= at && at < offset + count && looks_++ > 0) out[at - offset] ^= 1;
      return count;
    }
    Result<uint64_t> size() const override { return file_->size(); }
    Result<FileInfo> info() const override { return file_->info(); }

   private:
    std::unique_ptr<ReadableFile> file_;
    mutable int looks_ = 0;
  };
};

TEST_F(ReencryptTest, ABodyThatChangesAfterItWasProvedIsNotTakenOver) {
  FickleDisk fickle(disk());
  auto coffer = Coffer::open(fickle, coffer_path(), {}, open_provider);
  ASSERT_OK(coffer);
  auto report = reencrypt(**coffer, {db("ctr")}, {}, nullptr);
  ASSERT_OK(report);
  ASSERT_EQ(report->problems.size(), 1u);
  EXPECT_EQ(report->problems[0].status.code(), Code::kTampered);
  expect_all_read();
}

TEST_F(ReencryptTest, AFileWithSeveralNamesStaysOneFile) {
  std::filesystem::create_directory(db("sub"));
  std::filesystem::create_hard_link(db("blocks"), db("sub/a"));
  std::filesystem::create_hard_link(db("blocks"), db("zz"));
  auto report = run(*coffer_);
  ASSERT_OK(report);
  EXPECT_THAT(report->problems, IsEmpty());
  EXPECT_EQ(report->reencrypted, contents_.size());
  EXPECT_EQ(report->bytes, report->bytes_to_do);
  EXPECT_EQ(std::filesystem::hard_link_count(db("blocks")), 3u);
  EXPECT_EQ(read_plain(*coffer_, db("sub/a")), contents_.at("blocks"));
}

TEST_F(ReencryptTest, AFileThatHasANameElsewhereIsLeftAndSaidToBe) {
  std::filesystem::create_hard_link(db("blocks"), root_ + "/elsewhere");
  const std::string before = read(db("blocks"));
  auto report = run(*coffer_);
  ASSERT_OK(report);
  ASSERT_EQ(report->problems.size(), 1u);
  EXPECT_THAT(std::string(report->problems[0].status.message()), HasSubstr("has 2 names, of which 1 are"));
  EXPECT_EQ(read(db("blocks")), before);
  EXPECT_EQ(report->reencrypted, contents_.size() - 1);
}

TEST_F(ReencryptTest, OneAtATime) {
  auto held = disk().lock(coffer_path() + "/reencrypt.lock", false);
  ASSERT_OK(held);
  EXPECT_EQ(run(*coffer_).code(), Code::kBusy);
}

TEST_F(ReencryptTest, StopsBetweenTwoPiecesAndGoesOnLater) {
  for (int asked = 0;; ++asked) {
    int left = asked;
    auto report = run(*coffer_, {.pace = {.stop = [&] { return left-- <= 0; }}});
    ASSERT_OK(report);
    expect_all_read();
    EXPECT_THAT(leftovers(*coffer_), IsEmpty());
    EXPECT_THAT(report->problems, IsEmpty());
    EXPECT_EQ(report->left.size(), report->files_left);
    for (const auto& [path, why] : report->left) EXPECT_THAT(why, HasSubstr("not reached")) << path;
    if (!report->stopped) break;
    if (asked == 0) {
      EXPECT_EQ(report->files_left, contents_.size());
    }
    EXPECT_LT(asked, 1000);
  }
  const auto last = run(*coffer_);
  EXPECT_EQ(last->current, contents_.size());
  EXPECT_EQ(last->files_left, 0u);
}

TEST_F(ReencryptTest, ARotationMeanwhileBeginsTheFileAnew) {
  auto other = open_coffer();
  bool done = false;
  auto report = reencrypt(*coffer_, {}, {}, [&](const ReencryptReport&) {
    if (!std::exchange(done, true)) rotate(*other);
  });
  ASSERT_OK(report);
  EXPECT_THAT(report->problems, IsEmpty());
  for (const auto& [name, text] : contents_) {
    EXPECT_EQ(fields_of(*coffer_, db(name)).oldest_key_version, 3u) << name;
  }
}

// Killed before its operation n, then with n + 1, and so on; the next run finishes it.
class ReencryptKilled : public ReencryptTest, public testing::WithParamInterface<std::vector<std::string>> {
 protected:
  void SetUp() override {
    ReencryptTest::SetUp();
    for (const auto& [name, text] : contents_) {
      if (std::ranges::count(GetParam(), name) > 0) before_[name] = read(db(name));
      std::filesystem::remove(db(name));
    }
    std::filesystem::create_directory(db("sub"));
  }

  // The first has a further name.
  void begin_anew() {
    for (const auto& [name, bytes] : before_) {
      std::filesystem::remove(db(name));
      write(db(name), bytes);
    }
    std::filesystem::remove(further_name());
    std::filesystem::create_hard_link(db(GetParam().front()), further_name());
  }
  void expect_whole() {
    for (const std::string& name : GetParam()) EXPECT_EQ(read_plain(*coffer_, db(name)), contents_.at(name)) << name;
    EXPECT_EQ(read_plain(*coffer_, further_name()), contents_.at(GetParam().front()));
  }
  std::string further_name() const { return db("sub/further"); }

  Contents before_;
};

TEST_P(ReencryptKilled, Anywhere) {
  FaultDisk faulty(disk());
  for (uint64_t operation = 1;; ++operation) {
    SCOPED_TRACE("killed before operation " + std::to_string(operation));
    begin_anew();
    auto coffer = Coffer::open(faulty, coffer_path(), {}, open_provider);
    ASSERT_OK(coffer);
    faulty.arm({.operation = operation, .for_good = true});
    auto killed = run(**coffer);
    const bool was_killed = faulty.fault_count() > 0;
    faulty.arm({});
    expect_whole();
    ASSERT_OK(verify(*coffer_, {}, {}, [&](const VerifiedFile& file) {
      EXPECT_TRUE(file.status.is_ok()) << status_text(file.status);
      return Status::ok();
    }));
    auto report = run(*coffer_);
    ASSERT_OK(report);
    ASSERT_THAT(report->problems, IsEmpty()) << status_text(report->problems[0].status);
    expect_whole();
    EXPECT_EQ(std::filesystem::hard_link_count(further_name()), 2u);
    EXPECT_THAT(leftovers(*coffer_), IsEmpty());
    if (was_killed) continue;
    ASSERT_OK(killed);
    EXPECT_EQ(report->reencrypted, 0u);
    break;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Files, ReencryptKilled,
    testing::Values(std::vector<std::string>{"blocks", "ctr", "log", "empty"}, std::vector<std::string>{"pages"},
                    std::vector<std::string>{"sqlite"}, std::vector<std::string>{kLongName}),
    [](const auto& each) { return each.param.front().substr(0, 10); });

TEST_F(ReencryptTest, AFullDiskLeavesEveryFileAsItWas) {
  FullDisk full(disk(), root_ + "/db");
  auto coffer = Coffer::open(full, coffer_path(), {}, open_provider);
  ASSERT_OK(coffer);
  full.set_full(true);
  auto report = run(**coffer);
  ASSERT_OK(report);
  ASSERT_EQ(report->problems.size(), contents_.size());
  EXPECT_EQ(report->problems[0].status.code(), Code::kNoSpace);
  expect_all_read();
  full.set_full(false);
  EXPECT_EQ(run(**coffer)->reencrypted, contents_.size());
}

}  // namespace
}  // namespace coffer
