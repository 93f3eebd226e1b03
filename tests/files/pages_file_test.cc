// Files that are changed at any place: what they hold, what is noticed of what others did to them, and what they do
// when a disk fails.
#include "coffer/files/pages_file.h"

#include <random>
#include <thread>

#include "coffer/files/file_reader.h"
#include "files/pages_model.h"
#include "support/fault_disk.h"
#include "support/seed.h"

namespace coffer {
namespace {

class Pages : public PagesFixture {
 protected:
  // Closed, of 1 KiB pages.
  void make(Disk& disk, const std::string& text) {
    auto file = create(disk);
    ASSERT_OK(file);
    ASSERT_OK((*file)->write(0, as_bytes(text)));
    ASSERT_OK((*file)->close());
  }
  static std::string some_text(size_t size, uint32_t seed = 1) {
    std::mt19937 random(seed);
    std::string out(size, '\0');
    for (char& c : out) c = static_cast<char>(random());
    return out;
  }
  static std::string read_start(const std::string& path) {
    std::string out(kEnvelopeSize, '\0');
    std::ifstream(path, std::ios::binary).read(out.data(), static_cast<std::streamsize>(out.size()));
    return out;
  }
  static Bytes bytes_of(Disk& disk) { return read_file(disk, kPath, 64 << 20).value(); }
  static void put_bytes(Disk& disk, const Bytes& bytes) {
    auto file = disk.open_write(kPath);
    ASSERT_OK(file);
    ASSERT_OK((*file)->truncate(bytes.size()));
    ASSERT_OK((*file)->write_at(0, bytes));
  }

  MemoryDisk disk_;
};

TEST_F(Pages, RandomChangesAreThoseOfAString) {
  for (const uint64_t seed : seeds(6)) {
    SCOPED_TRACE("COFFER_SEED=" + std::to_string(seed));
    for (const int page_log2 : {10, 12, 16}) {
      MemoryDisk disk;
      std::mt19937_64 random(seed);
      auto made = create(disk, page_log2);
      ASSERT_OK(made);
      auto file = std::move(*made);
      std::string text;
      for (int i = 0; i < 60; ++i) {
        const PagesStep step = PagesStep::any(random, text.size(), 250 * kModelPage);
        step.run(text);
        ASSERT_OK(step.run(*file));
        ASSERT_EQ(file->size(), text.size());
        std::string some(random() % 5000, '\xee');
        const uint64_t at = random() % (text.size() + 1);
        const auto count = file->read(at, MutableBytes(reinterpret_cast<uint8_t*>(some.data()), some.size()));
        ASSERT_OK(count);
        ASSERT_EQ(some.substr(0, *count), text.substr(at, some.size()));
        if (i % 20 != 19) continue;
        ASSERT_OK(file->close());
        file = open(disk).value();
        ASSERT_EQ(whole_text(*file).value(), text);
      }
    }
  }
}

TEST_F(Pages, EverySizeReadsBackAndIsShownWithoutAKeyWhetherItWasClosedOrNot) {
  for (const bool closed : {true, false}) {
    for (const size_t size : {0, 1, 1023, 1024, 1025, 98303, 98304, 98305}) {
      MemoryDisk disk;
      auto file = create(disk);
      ASSERT_OK(file);
      ASSERT_OK((*file)->write(0, as_bytes(some_text(size))));
      ASSERT_OK((*file)->truncate(size / 2));  // by the journal, once it was synced
      ASSERT_OK((*file)->sync());
      ASSERT_OK((*file)->truncate(size));
      ASSERT_OK((*file)->sync());
      if (closed) ASSERT_OK((*file)->close());
      file->reset();
      const std::shared_ptr<ReadableFile> readable = disk.open_read(kPath).value();
      const auto shown = shown_size(read_head(*readable, kPath).value(), readable, readable->size().value());
      ASSERT_OK(shown);
      EXPECT_EQ(*shown, size);
      EXPECT_EQ(text_of(disk).value(), some_text(size).substr(0, size / 2) + std::string(size - size / 2, '\0'));
    }
  }
}

TEST_F(Pages, HolesAreFoundAndCostNothing) {
  auto file = create(disk_);
  ASSERT_OK(file);
  const uint64_t far = uint64_t{40} << 10;
  ASSERT_OK((*file)->write(far * 1024, as_bytes(some_text(1500))));
  EXPECT_EQ((*file)->seek_data(0).value(), far * 1024);
  EXPECT_EQ((*file)->seek_hole(far * 1024).value(), far * 1024 + 1500);
  EXPECT_EQ((*file)->seek_hole(5000).value(), 5000u);
  ASSERT_OK((*file)->write(5000, as_bytes("x")));
  EXPECT_EQ((*file)->seek_data(0).value(), 4096u);
  EXPECT_EQ((*file)->seek_hole(4500).value(), 5120u);
  ASSERT_OK((*file)->punch_hole(4096, 1024));
  EXPECT_EQ((*file)->seek_data(0).value(), far * 1024);
  ASSERT_OK((*file)->sync());
  // Many holes, more than a root has room for.
  for (uint64_t i = 0; i < 600; ++i) ASSERT_OK((*file)->write((far + 200 * i) * 1024, as_bytes("y")));
  ASSERT_OK((*file)->close());
  auto again = open(disk_);
  ASSERT_OK(again);
  for (uint64_t i = 1; i < 600; ++i) {
    EXPECT_EQ((*again)->seek_data((far + 200 * i - 150) * 1024).value(), (far + 200 * i) * 1024);
  }
}

// By a range of groups in the root, and by a record of a journal: nobody walks through 2^30 pages of it.
TEST_F(Pages, AHoleOfAWholeFileIsPassedOverWhateverStandsForIt) {
  for (const bool journaled : {false, true}) {
    SCOPED_TRACE(journaled);
    const std::string path = db(journaled ? "journaled" : "direct");
    auto made = PagesFile::create(header().value(), disk().create(path, 0600).value());
    ASSERT_OK(made);
    std::unique_ptr<PagesFile> file = std::move(*made);
    ASSERT_OK(file->write(0, as_bytes(some_text(5000))));
    ASSERT_OK(file->sync());
    if (journaled) ASSERT_OK(file->truncate(3000));
    ASSERT_OK(file->truncate(kPagesSizeMax));
    ASSERT_OK(file->write(100, as_bytes("a page of the journal")));
    EXPECT_EQ(file->seek_data(8192).value(), kPagesSizeMax);
    ASSERT_OK(file->sync());
    file.reset();  // as a process that was killed leaves it
    const auto opened = coffer_->unlock(ByteView(as_bytes(read_start(path))), path);
    ASSERT_OK(opened);
    auto again = PagesFile::open(*opened, disk().open_write(path).value());
    ASSERT_OK(again);
    EXPECT_EQ((*again)->size(), kPagesSizeMax);
    EXPECT_EQ((*again)->seek_data(8192).value(), kPagesSizeMax);
    EXPECT_EQ((*again)->seek_hole(0).value(), journaled ? 3072u : 5120u);
  }
}

TEST_F(Pages, NothingPlainIsInTheFile) {
  const std::string mark = "the text that nobody may find on the disk";
  auto file = create(disk_);
  ASSERT_OK(file);
  for (int i = 0; i < 200; ++i) ASSERT_OK((*file)->write(i * 997, as_bytes(mark)));
  ASSERT_OK((*file)->sync());
  for (int i = 0; i < 50; ++i) ASSERT_OK((*file)->write(i * 31, as_bytes(mark)));
  ASSERT_OK((*file)->sync());
  EXPECT_EQ(as_text(bytes_of(disk_)).find(mark.substr(0, 8)), std::string_view::npos);
  ASSERT_OK((*file)->close());
  EXPECT_EQ(as_text(bytes_of(disk_)).find(mark.substr(0, 8)), std::string_view::npos);
}

// A bit anywhere: what is read is what was written, or an error.
TEST_F(Pages, NoBitOfAClosedFileIsChangedUnnoticed) {
  const std::string text = some_text(100 * 1024 + 700);
  make(disk_, text);
  const Bytes good = bytes_of(disk_);
  std::mt19937_64 random(1);
  for (int i = 0; i < 1500; ++i) {
    const size_t at = kEnvelopeSize + random() % (good.size() - kEnvelopeSize);
    Bytes bad = good;
    bad[at] ^= static_cast<uint8_t>(1 << random() % 8);
    put_bytes(disk_, bad);
    const auto found = text_of(disk_);
    if (found.is_ok()) {
      ASSERT_TRUE(*found == text) << at;
    } else {
      ASSERT_EQ(found.code(), Code::kTampered) << at;
    }
  }
}

TEST_F(Pages, OnlyThePageThatWasAlteredIsLost) {
  const std::string text = some_text(20 * 1024);
  make(disk_, text);
  Bytes bytes = bytes_of(disk_);
  const PagesLayout layout = PagesLayout::create(10).value();
  bytes[layout.page_offset(7) + 5] ^= 1;
  put_bytes(disk_, bytes);
  auto file = open(disk_);
  ASSERT_OK(file);
  Bytes page(1024);
  EXPECT_EQ((*file)->read(6 * 1024, page).value(), 1024u);
  EXPECT_EQ((*file)->read(7 * 1024, page).code(), Code::kTampered);
  EXPECT_EQ(page, Bytes(1024));
  EXPECT_EQ((*file)->read(8 * 1024, page).value(), 1024u);
  // Written anew as a whole it is well again.
  ASSERT_OK((*file)->write(7 * 1024, Bytes(1024, 9)));
  EXPECT_EQ((*file)->read(7 * 1024, page).value(), 1024u);
  EXPECT_EQ(page, Bytes(1024, 9));
}

TEST_F(Pages, NoPageStandsInForAnotherAndNoneForAHole) {
  make(disk_, some_text(20 * 1024));
  const Bytes good = bytes_of(disk_);
  const PagesLayout layout = PagesLayout::create(10).value();
  const auto move = [&](uint64_t from, uint64_t to) {
    Bytes bad = good;
    std::copy_n(good.begin() + static_cast<ptrdiff_t>(layout.page_offset(from)), 1024,
                bad.begin() + static_cast<ptrdiff_t>(layout.page_offset(to)));
    TagBlock tags;
    std::copy_n(good.begin() + static_cast<ptrdiff_t>(layout.group_offset(0)), kTagBlockSize, tags.bytes().begin());
    tags.set(to, TagBlock::State::kPage, tags.seal(from));
    std::ranges::copy(tags.bytes(), bad.begin() + static_cast<ptrdiff_t>(layout.group_offset(0)));
    return bad;
  };
  put_bytes(disk_, move(3, 4));
  EXPECT_EQ(text_of(disk_).code(), Code::kTampered);
  // A hole in its place: by taking its seal away, or by calling it one.
  for (const TagBlock::State state : {TagBlock::State::kNothing, TagBlock::State::kHole}) {
    Bytes bad = good;
    TagBlock tags;
    std::copy_n(good.begin() + static_cast<ptrdiff_t>(layout.group_offset(0)), kTagBlockSize, tags.bytes().begin());
    tags.set(4, state, state == TagBlock::State::kHole ? tags.seal(4) : XaesSeal{});
    std::ranges::copy(tags.bytes(), bad.begin() + static_cast<ptrdiff_t>(layout.group_offset(0)));
    put_bytes(disk_, bad);
    EXPECT_EQ(text_of(disk_).code(), Code::kTampered);
  }
}

TEST_F(Pages, AClosedFileThatWasCutIsNoticedWhereverItWasCut) {
  const std::string text = some_text(20 * 1024);
  make(disk_, text);
  const Bytes good = bytes_of(disk_);
  for (size_t size = PagesLayout::kBodyOffset; size < good.size(); size += 777) {
    put_bytes(disk_, Bytes(good.begin(), good.begin() + static_cast<ptrdiff_t>(size)));
    EXPECT_EQ(text_of(disk_).code(), Code::kTruncated) << size;
  }
}

TEST_F(Pages, EitherRootOfAClosedFileSaysTheSame) {
  const std::string text = some_text(20 * 1024);
  auto file = create(disk_);
  ASSERT_OK(file);
  ASSERT_OK((*file)->write(0, as_bytes(text)));
  ASSERT_OK((*file)->sync());
  ASSERT_OK((*file)->write(100, as_bytes(text.substr(100, 5000))));
  ASSERT_OK((*file)->truncate(19 * 1024 + 3));
  ASSERT_OK((*file)->close());
  const Bytes good = bytes_of(disk_);
  for (const uint64_t offset : PagesLayout::kRootOffsets) {
    Bytes bad = good;
    std::fill_n(bad.begin() + static_cast<ptrdiff_t>(offset), PagesRoot::kSlotSize, uint8_t{0});
    put_bytes(disk_, bad);
    EXPECT_EQ(text_of(disk_).value(), text.substr(0, 19 * 1024 + 3));
  }
  Bytes bad = good;
  for (const uint64_t offset : PagesLayout::kRootOffsets) bad[offset + 20] ^= 1;
  put_bytes(disk_, bad);
  EXPECT_EQ(text_of(disk_).code(), Code::kTampered);
}

// Synced, and not closed: as a machine that lost power leaves it.
TEST_F(Pages, WhatWasDurableInTheJournalIsNotLostToDamage) {
  auto file = create(disk_);
  ASSERT_OK(file);
  ASSERT_OK((*file)->write(0, as_bytes(some_text(9 * 1024))));
  ASSERT_OK((*file)->sync());
  for (uint32_t i = 0; i < 5; ++i) {
    ASSERT_OK((*file)->write(i * 1024, as_bytes(some_text(1024, i))));
    ASSERT_OK((*file)->sync());
  }
  const std::string text = whole_text(**file).value();
  const Bytes good = bytes_of(disk_);
  const size_t record = PagesRecord::kHeaderSize + 1024, journal = good.size() - 5 * record;
  // The last one is testified for by none that follows.
  for (size_t at = journal; at < good.size() - record; at += 97) {
    Bytes bad = good;
    bad[at] ^= 1;
    put_bytes(disk_, bad);
    EXPECT_EQ(text_of(disk_).code(), Code::kTampered) << at - journal;
  }
  put_bytes(disk_, good);
  EXPECT_EQ(text_of(disk_).value(), text);
}

TEST_F(Pages, AHeaderThatIsGoneOverItsBodyIsDamage) {
  make(disk_, some_text(3000));
  Bytes bytes = bytes_of(disk_);
  std::fill_n(bytes.begin(), kEnvelopeSize, uint8_t{0});
  put_bytes(disk_, bytes);
  EXPECT_EQ(unlock(disk_).code(), Code::kDamaged);
}

TEST_F(Pages, TheHeaderOfAnotherFileOverItsBodyIsNoticed) {
  make(disk_, some_text(3000));
  MemoryDisk other_disk;
  make(other_disk, some_text(3000));
  Bytes bytes = bytes_of(disk_);
  const Bytes other = bytes_of(other_disk);
  std::copy_n(other.begin(), kEnvelopeSize, bytes.begin());
  put_bytes(disk_, bytes);
  EXPECT_EQ(text_of(disk_).code(), Code::kTampered);
}

// What a format cannot notice that is changed in place: each part of an older state, put back with its seal.
TEST_F(Pages, APageOfAnOlderStateThatIsPutBackWithItsSealIsNotNoticed) {
  make(disk_, some_text(20 * 1024));
  const Bytes older = bytes_of(disk_);
  auto file = open(disk_);
  ASSERT_OK(file);
  ASSERT_OK((*file)->write(0, as_bytes(some_text(20 * 1024, 2))));
  ASSERT_OK((*file)->close());
  Bytes bytes = bytes_of(disk_);
  const PagesLayout layout = PagesLayout::create(10).value();
  TagBlock tags, old_tags;
  const auto tags_at = static_cast<ptrdiff_t>(layout.group_offset(0));
  std::copy_n(bytes.begin() + tags_at, kTagBlockSize, tags.bytes().begin());
  std::copy_n(older.begin() + tags_at, kTagBlockSize, old_tags.bytes().begin());
  tags.set(7, TagBlock::State::kPage, old_tags.seal(7));
  std::ranges::copy(tags.bytes(), bytes.begin() + tags_at);
  const auto page_at = static_cast<ptrdiff_t>(layout.page_offset(7));
  std::copy_n(older.begin() + page_at, 1024, bytes.begin() + page_at);
  put_bytes(disk_, bytes);
  EXPECT_EQ(text_of(disk_).value(),
            some_text(20 * 1024, 2).replace(7 * 1024, 1024, some_text(20 * 1024).substr(7 * 1024, 1024)));
}

TEST_F(Pages, WithoutItsNewerRootAFileMayBeCutAndWithoutAnyItIsEmpty) {
  const std::string text = some_text(20 * 1024);
  make(disk_, text);
  Bytes bytes = bytes_of(disk_);
  std::fill_n(bytes.begin() + PagesLayout::kRootOffsets[1], PagesRoot::kSlotSize, uint8_t{0});
  put_bytes(disk_, bytes);
  EXPECT_EQ(text_of(disk_).value(), text);
  bytes.resize(PagesLayout::create(10)->end_of(7));
  put_bytes(disk_, bytes);
  EXPECT_EQ(text_of(disk_).value(), text.substr(0, 7 * 1024));
  std::fill_n(bytes.begin() + PagesLayout::kRootOffsets[0], PagesRoot::kSlotSize, uint8_t{0});
  put_bytes(disk_, bytes);
  EXPECT_EQ(text_of(disk_).value(), "");
}

TEST_F(Pages, ADiskThatFailsIsAnErrorAndWhatWasDurableStays) {
  for (uint64_t operation = 1;; ++operation) {
    MemoryDisk memory;
    FaultDisk disk(memory);
    auto made = create(disk);
    ASSERT_OK(made);
    auto file = std::move(*made);
    std::string text;
    PagesPast past;
    ASSERT_OK(memory.sync_directory("/"));
    disk.arm({.operation = operation, .short_write = true, .code = Code::kIo});
    std::mt19937_64 random(7);
    bool failed = false;
    std::string next;
    for (int i = 0; i < 40 && !failed; ++i) {
      const PagesStep step = PagesStep::any(random, text.size(), 30 * kModelPage);
      next = text;
      step.run(next);
      past.add(next);
      failed = !step.run(*file).is_ok();
      if (failed) break;
      text = next;
      if (step.what == PagesStep::What::kSync) past.durable(text);
    }
    if (!failed && disk.fault_count() == 0) break;
    // It goes on, or says that it has to be opened anew. Each page is that of before or after what failed.
    if (file->write(0, as_bytes("z")).is_ok()) {
      for (std::string* before : {&text, &next}) {
        PagesStep{PagesStep::What::kWrite, 0, 1, "z"}.run(*before);
        past.add(*before);
      }
    }
    file.reset();
    disk.arm({});
    for (uint64_t seed = 0; seed < 6; ++seed) {  // and a power failure on top
      const auto image = memory.crash_image(CrashKind::kReordered, seed);
      const auto left = text_of(*image);
      ASSERT_OK(left);
      ASSERT_EQ(past.judge(*left), "") << "operation " << operation << ", crash " << seed;
    }
    const auto found = text_of(memory);
    ASSERT_OK(found);
    ASSERT_EQ(past.judge(*found), "") << "operation " << operation;
  }
}

// P4: a root on the disk may still need the journal that could not be emptied.
TEST_F(Pages, AfterACheckpointThatFailedNothingIsWrittenOverItsJournal) {
  for (uint64_t operation = 1;; ++operation) {
    MemoryDisk memory;
    FaultDisk disk(memory);
    auto made = create(disk);
    ASSERT_OK(made);
    ASSERT_OK(memory.sync_directory("/"));
    const std::unique_ptr<PagesFile> file = std::move(*made);
    std::string text = some_text(30 * 1024);
    ASSERT_OK(file->write(0, as_bytes(text)));
    ASSERT_OK(file->sync());
    const auto step = [&](uint64_t offset, size_t size, uint32_t seed) {
      return PagesStep{PagesStep::What::kWrite, offset, size, some_text(size, seed)};
    };
    for (uint32_t i = 0; i < 5; ++i) {  // each says that the one before was durable
      ASSERT_OK(step(i * 1024, 1024, i + 10).run(*file));
      step(i * 1024, 1024, i + 10).run(text);
      ASSERT_OK(file->sync());
    }
    PagesPast past;
    past.durable(text);
    disk.arm({.operation = operation, .code = Code::kIo});
    for (uint32_t i = 0; i < 3; ++i) {  // the first is too large for the journal
      const PagesStep next = step(0, (i == 0 ? 20 : 3) * 1024, i + 20);
      next.run(text);
      past.add(text);
      (void)next.run(*file);
    }
    const bool over = disk.fault_count() == 0;
    for (uint64_t seed = 0; seed < 30; ++seed) {
      const auto left = text_of(*memory.crash_image(CrashKind::kReordered, seed));
      ASSERT_TRUE(left.is_ok()) << "operation " << operation << ", crash " << seed << ": " << status_text(left);
      ASSERT_EQ(past.judge(*left), "") << "operation " << operation << ", crash " << seed;
    }
    if (over) break;
  }
}

TEST_F(Pages, ThreadsReadWhileOneWritesAndAppendsDoNotMix) {
  auto file = create(disk_);
  ASSERT_OK(file);
  ASSERT_OK((*file)->write(0, Bytes(64 * 1024, 0)));
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      Bytes page(4096);
      while (!stop) {
        EXPECT_TRUE((*file)->read(8 * 1024, page).is_ok());
        // A write is seen as a whole.
        EXPECT_TRUE(std::ranges::all_of(page, [&](uint8_t byte) { return byte == page[0]; }));
      }
    });
  }
  std::vector<std::thread> appenders;
  for (uint8_t i = 1; i <= 2; ++i) {
    appenders.emplace_back([&, i] {
      for (int k = 0; k < 50; ++k) {
        EXPECT_TRUE((*file)->append(Bytes(100, i)).is_ok());
        if (k % 10 == 0) {
          EXPECT_TRUE((*file)->sync().is_ok());
        }
      }
    });
  }
  for (uint8_t i = 0; i < 100; ++i) ASSERT_OK((*file)->write(8 * 1024, Bytes(4096, i)));
  for (std::thread& thread : appenders) thread.join();
  stop = true;
  for (std::thread& thread : readers) thread.join();
  ASSERT_EQ((*file)->size(), 64 * 1024 + 10000u);
  Bytes tail(10000);
  ASSERT_OK((*file)->read(64 * 1024, tail));
  for (size_t at = 0; at < tail.size(); at += 100) {
    EXPECT_TRUE(std::all_of(tail.begin() + at, tail.begin() + at + 100, [&](uint8_t b) { return b == tail[at]; }));
  }
}

TEST_F(Pages, LimitsAndClosedFilesAreErrors) {
  // On a disk that knows holes.
  auto below = disk().create(db("sparse"), 0600);
  ASSERT_OK(below);
  auto file = PagesFile::create(header().value(), std::move(*below));
  ASSERT_OK(file);
  EXPECT_EQ((*file)->write(kPagesSizeMax, as_bytes("x")).code(), Code::kLimitExceeded);
  EXPECT_EQ((*file)->write(~uint64_t{0}, as_bytes("x")).code(), Code::kLimitExceeded);
  EXPECT_EQ((*file)->truncate(kPagesSizeMax + 1).code(), Code::kLimitExceeded);
  ASSERT_OK((*file)->truncate(kPagesSizeMax));
  ASSERT_OK((*file)->write(kPagesSizeMax / 2, as_bytes("in the middle")));
  EXPECT_EQ((*file)->size(), kPagesSizeMax);
  ASSERT_OK((*file)->truncate(0));
  ASSERT_OK((*file)->close());
  EXPECT_EQ((*file)->write(0, as_bytes("x")).code(), Code::kInvalidArgument);
  EXPECT_EQ((*file)->sync().code(), Code::kInvalidArgument);
  EXPECT_EQ(std::filesystem::file_size(db("sparse")), PagesLayout::kBodyOffset);
  for (const int page_log2 : {9, 17}) EXPECT_EQ(header(page_log2).code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace coffer
