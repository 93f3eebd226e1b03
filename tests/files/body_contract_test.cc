// What every kind of body owes an engine, over a disk in memory that fails and forgets. A new kind passes by being
// added to the list at the end. Only `pages` is not in it, which no FileWriter writes: pages_file_test.cc and
// pages_crash_test.cc have the same of it.
#include <random>

#include "coffer/files/body.h"
#include "coffer/files/disk_append_file.h"
#include "coffer/files/new_file.h"
#include "store/coffer_fixture.h"
#include "support/fault_disk.h"
#include "support/memory_disk.h"
#include "support/seed.h"

namespace coffer {
namespace {

constexpr const char* kPath = "/file";

std::string pattern(size_t size) {
  std::string out(size, '\0');
  for (size_t i = 0; i < size; ++i) out[i] = static_cast<char>(i * 131 + i / 251);
  return out;
}

// Counts what is read of a file.
class CountingFile final : public ReadableFile {
 public:
  explicit CountingFile(std::unique_ptr<ReadableFile> file) : file_(std::move(file)) {}
  Result<size_t> read_at(uint64_t offset, MutableBytes out) const override {
    ++reads;
    return file_->read_at(offset, out);
  }
  Result<uint64_t> size() const override { return file_->size(); }
  Result<FileInfo> info() const override { return file_->info(); }

  mutable int reads = 0;

 private:
  std::unique_ptr<ReadableFile> file_;
};

// All of an open body, as an engine would read it: in pieces of a size that fits nothing.
struct ReadWhole {
  const ReadableFile& file;

  Result<std::string> operator()(OpenLog log) const { return pieces_of(log); }
  Result<std::string> operator()(OpenPages pages) const { return pieces_of(pages); }
  template <class B>
  static Result<std::string> pieces_of(B& body) {
    std::string out;
    for (;;) {
      uint8_t piece[777];
      COFFER_ASSIGN(size_t count, body.read(out.size(), piece));
      out += as_text(ByteView(piece).first(count));
      if (count < sizeof piece) return out;
    }
  }
  template <class B>
  Result<std::string> operator()(B body) const {
    std::string out(body.logical_size(), '\0');
    for (uint64_t offset = 0; offset < out.size(); offset += 777) {
      const uint64_t size = std::min<uint64_t>(777, out.size() - offset);
      const auto range = body.range(offset, size);
      Bytes sealed(range.size);
      COFFER_ASSIGN(size_t count, file.read_at(range.offset, sealed));
      sealed.resize(count);
      COFFER_TRY(body.open(offset, size, sealed, reinterpret_cast<uint8_t*>(&out[offset])));
    }
    return out;
  }
};

// A kind, and what it owes besides what all do.
struct KindOfBody {
  Kind kind;
  bool written_once = false;  // complete once it is synced: never appended to after that, nor recycled
  bool is_log = false;        // appended to at any time, never cut, and says where it ends after any crash
};

class BodyContract : public CofferFixture, public ::testing::WithParamInterface<KindOfBody> {
 protected:
  struct Writing {
    std::unique_ptr<FileWriter> writer;
    std::unique_ptr<DiskAppendFile> file;

    Status append(const std::string& text) { return writer->append(as_bytes(text), *file); }
    Status sync() { return writer->sync(true, *file); }
    Status close() { return writer->close(*file); }
  };

  // `recycled`: the file that is to become another one.
  Result<NewFile> header(const ReadableFile* recycled = nullptr) {
    const Kind kind = GetParam().kind;
    const Config config;
    Sha256 earlier_body{};
    if (recycled != nullptr && kind == Kind::kLog) {
      Bytes beginning(kLogSessionHeaderSize);
      COFFER_ASSIGN(const size_t count, recycled->read_at(kEnvelopeSize, beginning));
      COFFER_ASSIGN(earlier_body, earlier_body_of(ByteView(beginning).first(count)));
    }
    return coffer_->new_file({.kind = kind,
                              .suite = config.suite_of(kind),
                              .chunk_log2 = config.chunk_log2_of(kind),
                              .earlier_body = earlier_body});
  }

  Result<Writing> create(Disk& disk, EngineRole role = EngineRole::kOther) {
    COFFER_ASSIGN(NewFile head, header());
    COFFER_ASSIGN(auto file, disk.create(kPath, 0600));
    COFFER_ASSIGN(auto writer, new_writer(coffer_, std::move(head), role));
    return Writing{std::move(writer), std::make_unique<DiskAppendFile>(disk, kPath, std::move(file))};
  }

  // A file of this contents, closed.
  void write_file(Disk& disk, const std::string& text, EngineRole role = EngineRole::kOther) {
    auto writing = create(disk, role);
    ASSERT_OK(writing);
    for (size_t at = 0; at < text.size(); at += 1000) ASSERT_OK(writing->append(text.substr(at, 1000)));
    ASSERT_OK(writing->close());
  }

  Result<Writing> reopen(Disk& disk, EngineRole role) {
    COFFER_ASSIGN(std::shared_ptr<ReadableFile> readable, disk.open_read(kPath));
    COFFER_ASSIGN(FileHead head, read_head(*readable, kPath));
    COFFER_TRY(head.refusal);
    COFFER_ASSIGN(OpenedFile opened, coffer_->unlock(head.scan, kPath));
    COFFER_ASSIGN(uint64_t size, readable->size());
    COFFER_ASSIGN(ReopenedFile reopened,
                  body_of(head.scan.fields.kind).reopen(std::move(opened), readable, size, role));
    COFFER_ASSIGN(auto file, disk.open_write(kPath));
    if (reopened.cut_at) COFFER_TRY(file->truncate(*reopened.cut_at));
    return Writing{std::move(reopened.writer),
                   std::make_unique<DiskAppendFile>(disk, kPath, std::move(file), reopened.cut_at.value_or(size))};
  }

  Result<std::string> read_back(Disk& disk, EngineRole role = EngineRole::kOther) {
    COFFER_ASSIGN(std::shared_ptr<ReadableFile> file, disk.open_read(kPath));
    COFFER_ASSIGN(FileHead head, read_head(*file, kPath));
    COFFER_TRY(head.refusal);
    if (head.is(FileHead::What::kNothing)) return std::string();
    COFFER_ASSIGN(OpenedFile opened, coffer_->unlock(head.scan, kPath));
    COFFER_ASSIGN(uint64_t size, file->size());
    COFFER_ASSIGN(OpenBody body, body_of(head.scan.fields.kind).open(opened, file, size, role));
    return std::visit(ReadWhole{*file}, std::move(body));
  }

  static Result<uint64_t> shown(const std::shared_ptr<const ReadableFile>& file) {
    COFFER_ASSIGN(FileHead head, read_head(*file, kPath));
    COFFER_ASSIGN(uint64_t size, file->size());
    return shown_size(head, file, size);
  }
  static Result<uint64_t> shown(Disk& disk) {
    COFFER_ASSIGN(std::shared_ptr<ReadableFile> file, disk.open_read(kPath));
    return shown(file);
  }
};

TEST_P(BodyContract, EverySizeReadsBackAndIsShownWithoutAKey) {
  for (size_t size : {0, 1, 15, 16, 17, 1023, 1024, 1025, 2047, 2048, 2049, 5000}) {
    MemoryDisk disk;
    write_file(disk, pattern(size));
    auto text = read_back(disk);
    ASSERT_OK(text);
    EXPECT_EQ(*text, pattern(size));
    auto measured = shown(disk);
    ASSERT_OK(measured);
    EXPECT_EQ(*measured, size);
  }
}

TEST_P(BodyContract, TheWriterKnowsItsSizeAndWhereBytesLie) {
  MemoryDisk disk;
  auto writing = create(disk);
  ASSERT_OK(writing);
  uint64_t size = 0;
  for (size_t piece : {1, 0, 1000, 3000}) {
    ASSERT_OK(writing->append(pattern(piece)));
    size += piece;
    EXPECT_EQ(writing->writer->logical_size(), size);
    auto info = disk.info(kPath);
    ASSERT_OK(info);
    EXPECT_GE(writing->writer->physical_offset(size), info->size) << "a hint must not fall short";
  }
  ASSERT_OK(writing->close());
  ASSERT_OK(writing->close());  // again, which does nothing
  EXPECT_FALSE(writing->append("x").is_ok());
}

TEST_P(BodyContract, AnEmptyAppendIsFineAlsoAfterASync) {
  MemoryDisk disk;
  auto writing = create(disk);
  ASSERT_OK(writing);
  ASSERT_OK(writing->append("text"));
  ASSERT_OK(writing->sync());
  ASSERT_OK(writing->append(""));
  ASSERT_OK(writing->sync());
  ASSERT_OK(writing->close());
  auto text = read_back(disk);
  ASSERT_OK(text);
  EXPECT_EQ(*text, "text");
}

TEST_P(BodyContract, ANewFileShowsNothingUntilItsHeaderIsThere) {
  MemoryDisk disk;
  auto writing = create(disk);
  ASSERT_OK(writing);
  auto measured = shown(disk);
  ASSERT_OK(measured);
  EXPECT_EQ(*measured, 0u);
}

TEST_P(BodyContract, EveryOperationMayFailAndNothingIsWrittenAfterwards) {
  uint64_t faults = 0;
  for (bool short_write : {false, true}) {
    for (uint64_t operation = 1;; ++operation) {
      MemoryDisk memory;
      FaultDisk disk(memory);
      disk.arm({.operation = operation, .short_write = short_write});
      Status status = [&]() -> Status {
        COFFER_ASSIGN(Writing writing, create(disk));
        for (int i = 0; i < 3; ++i) {
          Status appended = writing.append(pattern(1500));
          if (appended.is_ok()) continue;
          const uint64_t changes = memory.change_count();
          EXPECT_FALSE(writing.append("more").is_ok());
          EXPECT_FALSE(writing.sync().is_ok());
          EXPECT_EQ(memory.change_count(), changes);
          COFFER_TRY(writing.close());
          return appended;
        }
        COFFER_TRY(writing.sync());
        return writing.close();
      }();
      if (disk.fault_count() == 0) {
        ASSERT_OK(status);
        break;
      }
      ++faults;
      EXPECT_FALSE(status.is_ok()) << "operation " << operation << " failed, and nobody said so";
      if (!memory.info(kPath).is_ok()) continue;
      auto text = read_back(memory);
      const std::string whole = pattern(1500) + pattern(1500) + pattern(1500);
      EXPECT_TRUE(!text.is_ok() || short_write || whole.starts_with(*text)) << operation;
    }
  }
  EXPECT_GT(faults, 8u);
}

TEST_P(BodyContract, WhatWasSyncedIsThereAfterAnyCrash) {
  MemoryDisk disk;
  auto writing = create(disk);
  ASSERT_OK(writing);
  ASSERT_OK(disk.sync_directory("/"));
  const std::string synced = pattern(2500);
  ASSERT_OK(writing->append(synced));
  ASSERT_OK(writing->sync());
  if (!GetParam().written_once) ASSERT_OK(writing->append(pattern(1700)));
  for (CrashKind kind : {CrashKind::kDropped, CrashKind::kTorn, CrashKind::kReordered}) {
    for (uint64_t seed = 0; seed < 20; ++seed) {
      auto image = disk.crash_image(kind, seed);
      auto text = read_back(*image);
      ASSERT_OK(text);
      EXPECT_TRUE(text->starts_with(synced));
      if (!GetParam().is_log) continue;
      EXPECT_TRUE((synced + pattern(1700)).starts_with(*text));
      auto measured = shown(*image);
      ASSERT_OK(measured);
      EXPECT_EQ(*measured, text->size()) << "without the key the torn end is found where it is with it";
    }
  }
}

TEST_P(BodyContract, AClosedFileCanBeReopenedAndNeverIsCutUnlessItIsOnItsWayOut) {
  MemoryDisk disk;
  write_file(disk, pattern(3000));
  for (EngineRole role : {EngineRole::kOther, EngineRole::kTrash}) {
    auto writing = reopen(disk, role);
    ASSERT_OK(writing);
    EXPECT_EQ(writing->writer->logical_size(), 3000u);
    ASSERT_OK(writing->writer->truncate(3000, *writing->file));
    const bool may_cut = role == EngineRole::kTrash && !GetParam().is_log;
    EXPECT_EQ(writing->writer->truncate(1100, *writing->file).is_ok(), may_cut);
    EXPECT_FALSE(writing->writer->truncate(4000, *writing->file).is_ok());
    ASSERT_OK(writing->sync());
    ASSERT_OK(writing->close());
    auto measured = shown(disk);
    ASSERT_OK(measured);
    EXPECT_EQ(*measured, may_cut ? 1100u : 3000u);
  }
}

TEST_P(BodyContract, OnlyALogIsAppendedToOnceItIsFinished) {
  MemoryDisk disk;
  write_file(disk, pattern(3000));
  auto writing = reopen(disk, EngineRole::kLog);
  ASSERT_OK(writing);
  const bool appended = writing->append("more").is_ok();
  EXPECT_EQ(appended, GetParam().is_log);
  ASSERT_OK(writing->close());
  auto text = read_back(disk);
  ASSERT_OK(text);
  EXPECT_EQ(*text, pattern(3000) + (appended ? "more" : ""));
}

TEST_P(BodyContract, ARecycledFileIsWhollyTheOldOrWhollyTheNewOneAtAnyCrash) {
  if (GetParam().written_once) GTEST_SKIP() << "files that are written once are not recycled";
  MemoryDisk disk;
  write_file(disk, pattern(3000));
  ASSERT_OK(disk.sync_all("/"));
  int images = 0;
  disk.set_observer([&] {
    for (uint64_t seed = 0; seed < 8; ++seed) {
      ++images;
      // Nothing authenticates an unsynced ctr body: there the old bytes may be read under the new key.
      if (!GetParam().is_log) continue;
      auto text = read_back(*disk.crash_image(CrashKind::kReordered, seed));
      ASSERT_OK(text);
      EXPECT_TRUE(*text == pattern(3000) || text->empty() || *text == "new");
    }
  });
  auto file = disk.open_write(kPath);
  ASSERT_OK(file);
  auto head = header(file->get());
  ASSERT_OK(head);
  auto writer = new_writer(coffer_, std::move(*head), EngineRole::kLog);
  ASSERT_OK(writer);
  Writing writing{std::move(*writer), std::make_unique<DiskAppendFile>(disk, kPath, std::move(*file))};
  ASSERT_OK(writing.writer->settle_head(*writing.file));
  ASSERT_OK(writing.append("new"));
  ASSERT_OK(writing.close());
  disk.set_observer({});
  EXPECT_GT(images, 16);
  auto text = read_back(disk);
  ASSERT_OK(text);
  EXPECT_EQ(*text, "new") << "and nothing of the earlier life behind it";
}

// E9, L10: no crash of a file that may be empty leaves what is damage, whatever of the unsynced bytes reached the disk.
TEST_P(BodyContract, NoCrashOfANewFileLooksLikeDamage) {
  int images = 0;
  for (uint64_t seed : seeds(40)) {
    SCOPED_TRACE("COFFER_SEED=" + std::to_string(seed));
    MemoryDisk disk;
    std::mt19937_64 random(seed);
    disk.set_observer([&] {
      for (CrashKind kind : {CrashKind::kDropped, CrashKind::kTorn, CrashKind::kReordered}) {
        for (int i = 0; i < 12; ++i, ++images) {
          auto image = disk.crash_image(kind, random());
          if (!image->info(kPath).is_ok()) continue;
          auto file = image->open_read(kPath);
          ASSERT_OK(file);
          auto head = read_head(**file, kPath);
          ASSERT_OK(head);
          ASSERT_OK(head->refusal);
          if (GetParam().is_log) {
            ASSERT_OK(read_back(*image));
          }
        }
      }
    });
    auto writing = create(disk);
    ASSERT_OK(writing);
    ASSERT_OK(disk.sync_directory("/"));
    for (uint64_t steps = random() % 6; steps > 0; --steps) ASSERT_OK(writing->append(pattern(random() % 3000)));
    if (random() % 2 == 0) ASSERT_OK(writing->sync());
    ASSERT_OK(writing->close());
    disk.set_observer({});
    if (HasFailure()) return;
  }
  EXPECT_GT(images, 5000);
}

TEST_P(BodyContract, AHeaderThatIsGoneOverABodyIsDamage) {
  MemoryDisk disk;
  write_file(disk, pattern(3000));
  auto file = disk.open_write(kPath);
  ASSERT_OK(file);
  ASSERT_OK((*file)->write_at(0, Bytes(kEnvelopeSize)));
  EXPECT_EQ(read_back(disk).code(), Code::kDamaged);
  EXPECT_EQ(shown(disk).code(), Code::kDamaged);
}

// L10: with the header of another file of the same store, which is genuine, a log would read as an empty one.
TEST_P(BodyContract, TheHeaderOfAnotherFileOverABodyIsNoticed) {
  if (GetParam().kind == Kind::kCtr) GTEST_SKIP() << "nothing authenticates a ctr body before it is proved as a whole";
  MemoryDisk disk, other_disk;
  write_file(disk, pattern(3000));
  write_file(other_disk, pattern(10));
  auto other = other_disk.open_read(kPath);
  ASSERT_OK(other);
  Bytes envelope(kEnvelopeSize);
  ASSERT_OK((*other)->read_at(0, envelope));
  auto file = disk.open_write(kPath);
  ASSERT_OK(file);
  ASSERT_OK((*file)->write_at(0, envelope));
  EXPECT_THAT(read_back(disk).code(), ::testing::AnyOf(Code::kDamaged, Code::kTampered, Code::kWrongKey));
}

// A listing of thousands of files reads one header each. Only a log's frames do not say how much stands before them.
TEST_P(BodyContract, ShowingASizeReadsTheHeaderOnly) {
  MemoryDisk disk;
  write_file(disk, pattern(5000));
  auto opened = disk.open_read(kPath);
  ASSERT_OK(opened);
  auto file = std::make_shared<CountingFile>(std::move(*opened));
  auto measured = shown(file);
  ASSERT_OK(measured);
  EXPECT_EQ(*measured, 5000u);
  EXPECT_TRUE(GetParam().is_log || file->reads == 1) << file->reads;
}

INSTANTIATE_TEST_SUITE_P(Kinds, BodyContract,
                         ::testing::Values(KindOfBody{Kind::kBlocks, true}, KindOfBody{Kind::kLog, false, true},
                                           KindOfBody{Kind::kCtr}),
                         [](const auto& kind) { return std::string(kind_name(kind.param.kind)); });

// A log whose end was allocated ahead, or that somebody has made huge: what is not there is not read.
class SparseLog : public CofferFixture {
 protected:
  static constexpr uint64_t kHugeSize = uint64_t{20} << 30;

  // Counts the bytes that are read of a file, and tells of its holes.
  class MeteredFile final : public ReadableFile {
   public:
    explicit MeteredFile(std::unique_ptr<ReadableFile> file) : file_(std::move(file)) {}
    Result<size_t> read_at(uint64_t offset, MutableBytes out) const override {
      auto count = file_->read_at(offset, out);
      if (count.is_ok()) bytes += *count;
      return count;
    }
    Result<uint64_t> size() const override { return file_->size(); }
    Result<uint64_t> next_data(uint64_t offset) const override { return file_->next_data(offset); }
    Result<FileInfo> info() const override { return file_->info(); }

    mutable uint64_t bytes = 0;

   private:
    std::unique_ptr<ReadableFile> file_;
  };

  std::shared_ptr<MeteredFile> metered(const std::string& path) {
    auto file = disk().open_read(path);
    EXPECT_TRUE(file.is_ok()) << status_text(file);
    return std::make_shared<MeteredFile>(std::move(*file));
  }
  // What reading the whole log gives.
  Result<LogEnd> read_all(const std::shared_ptr<MeteredFile>& file) {
    COFFER_ASSIGN(FileHead head, read_head(*file, kPath));
    COFFER_TRY(head.refusal);
    COFFER_ASSIGN(OpenedFile opened, coffer_->unlock(head.scan, kPath));
    const LogParams params{opened.fields.suite, opened.fields.file_id, opened.fields.earlier_body};
    COFFER_ASSIGN(LogReader reader, LogReader::create(file, opened.file_key, params));
    return reader.measure();
  }
};

TEST_F(SparseLog, AHoleBehindItsEndIsPassedOver) {
  write(db("log"), sealed_file(Kind::kLog, pattern(5000)));
  std::filesystem::resize_file(db("log"), kHugeSize);
  auto file = metered(db("log"));
  auto end = read_all(file);
  ASSERT_OK(end);
  EXPECT_EQ(end->logical_size, 5000u);
  EXPECT_LT(file->bytes, uint64_t{32} << 20);
}

TEST_F(SparseLog, WhatTestifiesBehindAHoleIsFound) {
  const std::string sealed = sealed_file(Kind::kLog, pattern(200000));
  write(db("log"), sealed);
  // A hole from the middle of the file on, but for its last 1000 bytes.
  std::filesystem::resize_file(db("log"), 20000);
  std::filesystem::resize_file(db("log"), sealed.size());
  std::fstream out(db("log"), std::ios::binary | std::ios::in | std::ios::out);
  out.seekp(static_cast<std::streamoff>(sealed.size() - 3000));
  out << sealed.substr(sealed.size() - 3000);
  out.close();
  EXPECT_EQ(read_all(metered(db("log"))).code(), Code::kDamaged);
}

TEST_F(SparseLog, AHeaderOfZerosBeforeAHoleIsAFileThatNeverWasWritten) {
  write(db("log"), "");
  std::filesystem::resize_file(db("log"), kHugeSize);
  auto file = metered(db("log"));
  auto head = read_head(*file, kPath);
  ASSERT_OK(head);
  EXPECT_EQ(head->what, FileHead::What::kNothing);
  EXPECT_LT(file->bytes, uint64_t{32} << 20);
}

// A ctr file of the text "old" that is open, and closed by the test.
class CtrClose : public CofferFixture {
 protected:
  void SetUp() override {
    CofferFixture::SetUp();
    auto head = coffer_->new_file({.kind = Kind::kCtr, .suite = Suite::kAes256Ctr});
    ASSERT_OK(head);
    auto created = disk_.create(kPath, 0600);
    ASSERT_OK(created);
    file_ = std::make_unique<DiskAppendFile>(disk_, kPath, std::move(*created));
    auto writer = new_writer(coffer_, std::move(*head), EngineRole::kOther);
    ASSERT_OK(writer);
    writer_ = std::move(*writer);
    ASSERT_OK(writer_->append(as_bytes("old"), *file_));
  }

  MemoryDisk disk_;
  std::unique_ptr<DiskAppendFile> file_;
  std::unique_ptr<FileWriter> writer_;
};

TEST_F(CtrClose, PutsBothSlotsUnderTheActiveKeyWhateverARewrapHasWrittenMeanwhile) {
  // By another process, so that ours has not seen the new key.
  auto other = open_coffer();
  ASSERT_OK(other->live_keyring().update([](Keyring& keyring) { return keyring.rotate_domain(kSystemDomain, 1000); }));
  ASSERT_OK(writer_->close(*file_));
  auto file = disk_.open_read(kPath);
  ASSERT_OK(file);
  auto head = read_head(**file, kPath);
  ASSERT_OK(head);
  EXPECT_TRUE(head->scan.fields.body_sealed);
  EXPECT_EQ(head->scan.fields.body_size, 3u);
  EXPECT_EQ(head->scan.fields.domain_key_id, other->keyring()->find_domain(kSystemDomain)->active()->id);
  EXPECT_THAT(head->scan.slots, ::testing::Each(SlotState::kReadable));
}

TEST_F(CtrClose, LeavesAFileAloneThatTookItsName) {
  ASSERT_OK(disk_.rename(kPath, "/rolled"));
  const std::string other = sealed_file(Kind::kLog, "new");
  ASSERT_OK(create_file(disk_, kPath, as_bytes(other), 0600));
  ASSERT_OK(writer_->close(*file_));
  auto bytes = read_file(disk_, kPath, 1 << 20);
  ASSERT_OK(bytes);
  EXPECT_EQ(as_text(*bytes), other);
}

}  // namespace
}  // namespace coffer
