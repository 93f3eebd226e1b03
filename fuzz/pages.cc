// A file of pages, damaged in any way, reads page by page as what it once was, or it is an error. And whatever somebody
// who has the key puts into roots, records and tag blocks, reading it ends, and takes no more memory than the file.
#include "coffer/files/body.h"
#include "coffer/files/pages_file.h"
#include "fuzz/input.h"
#include "support/memory_disk.h"

namespace coffer {
namespace {

constexpr size_t kPage = 1024;
constexpr const char* kPath = "/file";
constexpr PagesLimits kSmall{.journal_max = 12 << 10, .room_to_grow = 4 << 10};

OpenedFile opened_file() {
  OpenedFile out;
  out.fields.kind = Kind::kPages;
  out.fields.suite = Suite::kXaes256Gcm;
  out.fields.chunk_log2 = 10;
  out.file_key = fuzz_key<FileKey>(32, 1);
  return out;
}

// A file, and each of its pages as it ever was.
class History {
 public:
  Bytes write(FuzzInput& input) {
    NewFile header;
    header.fields = opened_file().fields;
    header.file_key = fuzz_key<FileKey>(32, 1);
    auto file = PagesFile::create(header, disk_.create(kPath, 0600).value(), kSmall).value();
    for (uint64_t steps = 1 + input.below(8); steps > 0; --steps) {
      change(input, *file);
      remember();
    }
    if (input.flag()) fuzz_check(file->close().is_ok(), "closes");
    file.reset();
    return read_file(disk_, kPath, 4 << 20).value();
  }

  bool once_was(uint64_t page, ByteView text) const {
    if (std::ranges::all_of(text, [](uint8_t byte) { return byte == 0; })) return true;
    return std::ranges::any_of(texts_, [&](const Bytes& whole) {
      Bytes old(whole.begin() + static_cast<ptrdiff_t>(std::min(whole.size(), page * kPage)), whole.end());
      old.resize(std::max(old.size(), text.size()));
      return std::ranges::equal(ByteView(old).first(text.size()), text);
    });
  }

 private:
  void change(FuzzInput& input, PagesFile& file) {
    const uint64_t offset = input.below(150 * kPage);
    switch (input.below(5)) {
      case 0: fuzz_check(file.sync().is_ok(), "syncs"); return;
      case 1:
        fuzz_check(file.truncate(offset).is_ok(), "is cut");
        text_.resize(offset);
        return;
      case 2: {
        const uint64_t size = input.below(100 * kPage);
        fuzz_check(file.punch_hole(offset, size).is_ok(), "takes a hole");
        for (size_t i = offset; i < std::min<size_t>(offset + size, text_.size()); ++i) text_[i] = 0;
        return;
      }
      default: break;
    }
    const Bytes data(1 + input.below(3 * kPage), static_cast<uint8_t>(1 + input.below(255)));
    fuzz_check(file.write(offset, data).is_ok(), "is written");
    text_.resize(std::max<size_t>(text_.size(), offset + data.size()));
    std::ranges::copy(data, text_.begin() + static_cast<ptrdiff_t>(offset));
  }
  void remember() { texts_.push_back(text_); }

  MemoryDisk disk_;
  Bytes text_;
  std::vector<Bytes> texts_;
};

// Somebody with the key: any value in any field, under a good seal.
class Forger {
 public:
  explicit Forger(Bytes& file) : file_(file) {}

  void forge(FuzzInput& input) {
    for (int count = 0; count < 6 && !input.finished(); ++count) {
      switch (input.below(3)) {
        case 0: root(input); break;
        case 1: record(input); break;
        default: tag(input); break;
      }
    }
  }

 private:
  static uint64_t value(FuzzInput& input) {
    constexpr uint64_t kEdges[] = {0, 1, kPagesSizeMax, ~uint64_t{0}, uint64_t{1} << 63, 512 * 100};
    const uint64_t base = input.flag() ? kEdges[input.below(std::size(kEdges))] : input.below(65536) << input.below(48);
    return base + input.below(4) - 1;
  }
  void put(size_t at, ByteView bytes) {
    file_.resize(std::max(file_.size(), at + bytes.size()));
    std::ranges::copy(bytes, file_.begin() + static_cast<ptrdiff_t>(at));
  }
  void root(FuzzInput& input) {
    PagesRoot root{.sequence = 1000 + input.below(4), .size = value(input)};
    root.proven = value(input);
    root.epoch = input.below(3);
    root.journal = (input.flag() ? value(input) : PagesLayout::kBodyOffset + input.below(40000)) / 512 * 512;
    root.records = value(input);
    root.durable = value(input);
    for (uint64_t ranges = input.below(4); ranges > 0; --ranges) root.holes.push_back({value(input), value(input)});
    XaesSealing sealing = cipher_.sealing().value();
    put(PagesLayout::kRootOffsets[input.below(2)], root.seal(sealing).value());
    journal_ = root.journal;
    epoch_ = root.epoch;
    number_ = 0;
  }
  void record(FuzzInput& input) {
    PagesRecord record{.epoch = epoch_, .number = ++number_};
    record.what = input.flag() ? PagesRecord::What::kHoles : PagesRecord::What::kPage;
    record.page = value(input);
    record.count = value(input);
    record.size = value(input);
    record.durable = value(input);
    Bytes bytes(PagesRecord::kHeaderSize + (record.what == PagesRecord::What::kPage ? kPage : 0), 7);
    XaesSealing sealing = cipher_.sealing().value();
    uint8_t* page = bytes.data() + PagesRecord::kHeaderSize;
    if (record.what == PagesRecord::What::kPage) {
      fuzz_check(PagesCipher::seal_page(sealing, record.page, {page, kPage}, page, record.page_seal).is_ok(), "seals");
    }
    fuzz_check(record.seal(sealing, bytes.data()).is_ok(), "seals");
    if (journal_ > (1 << 20)) return;  // where nobody could put a file of this size
    put(journal_, bytes);
    journal_ += bytes.size();
  }
  void tag(FuzzInput& input) {
    const uint64_t page = input.below(200);
    const uint64_t block = layout_.group_offset(PagesLayout::group_of(page));
    TagBlock tags;
    file_.resize(std::max<size_t>(file_.size(), block + kTagBlockSize));
    std::copy_n(file_.begin() + static_cast<ptrdiff_t>(block), kTagBlockSize, tags.bytes().begin());
    XaesSealing sealing = cipher_.sealing().value();
    XaesSeal seal;
    fuzz_check(PagesCipher::seal_hole(sealing, page + input.below(2), seal).is_ok(), "seals");
    tags.set(page % kPagesInGroup, input.flag() ? TagBlock::State::kHole : TagBlock::State::kPage, seal);
    put(block, tags.bytes());
  }

  Bytes& file_;
  const PagesLayout layout_ = PagesLayout::create(10).value();
  const PagesCipher cipher_ = PagesCipher::create(fuzz_key<FileKey>(32, 1), {}, 10).value();
  uint64_t journal_ = 512 * 100;
  uint64_t epoch_ = 0;
  uint64_t number_ = 0;
};

// Page by page: one that fails says nothing of others. Of huge files the beginning and the end.
void read_all(OpenPages& pages, const History* history) {
  const uint64_t size = pages.logical_size().value();
  for (uint64_t at = 0; at < size; at += kPage) {
    if (at == 200 * kPage && size > 400 * kPage) at = (size / kPage - 100) * kPage;
    Bytes out(std::min<uint64_t>(kPage, size - at), 0xcc);
    const auto count = pages.read(at, out);
    if (!count.is_ok()) {
      fuzz_check(out == Bytes(out.size()), "what fails is zeros");
      continue;
    }
    fuzz_check(*count == out.size(), "all of it is read");
    fuzz_check(history == nullptr || history->once_was(at / kPage, out), "nothing is altered");
  }
}

// Nothing keeps who opened it from changing it, where its size lets that be tried; what was not forged is whole then.
void write_on(MemoryDisk& disk, const OpenedFile& opened, bool forged) {
  auto file = PagesFile::open(opened, disk.open_write(kPath).value(), kSmall);
  if (!file.is_ok() || (*file)->size() > 400 * kPage) return;
  if (!(*file)->write(3 * kPage, Bytes(kPage, 9)).is_ok()) return;
  const bool closed = (*file)->close().is_ok();
  auto again = PagesFile::open(opened, disk.open_write(kPath).value());
  if (forged) return;
  fuzz_check(closed, "closes");
  fuzz_check(again.is_ok(), "opens again");
  Bytes page(kPage);
  fuzz_check((*again)->read(3 * kPage, page).is_ok() && page == Bytes(kPage, 9), "has what was written");
}

}  // namespace
}  // namespace coffer

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace coffer;
  FuzzInput input(data, size);
  History history;
  Bytes file = history.write(input);
  const bool forges = input.flag();
  if (forges) {
    Forger(file).forge(input);
  } else if (input.flag()) {
    const ByteView rest = input.rest();
    file.resize(kEnvelopeSize);
    file.insert(file.end(), rest.begin(), rest.end());
  } else {
    input.damage(file, kEnvelopeSize);
  }
  MemoryDisk disk;
  fuzz_check(disk.create(kPath, 0600).value()->write_at(0, file).is_ok(), "is placed");
  const OpenedFile opened = opened_file();
  const std::shared_ptr<ReadableFile> readable = disk.open_read(kPath).value();
  auto pages = OpenPages::open(opened, readable);
  (void)body_of(Kind::kPages).measure(opened.fields, readable, file.size());
  if (!pages.is_ok()) return 0;
  read_all(*pages, forges ? nullptr : &history);
  write_on(disk, opened, forges);
  return 0;
}
