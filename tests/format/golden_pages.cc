// Golden files of pages, with nonces that anybody knows.
#include <functional>
#include <set>

#include "format/golden_files.h"
#include "format/known_pages.h"

namespace coffer {
namespace {

// A file of pages while it is made, of a plaintext that is known beforehand.
class GoldenPages {
 public:
  GoldenPages(std::string name, std::string note, int page_log2, size_t size)
      : file_(start_golden("pages-" + std::move(name), std::move(note), Kind::kPages, Suite::kXaes256Gcm, page_log2)),
        pages_(file_.file_key, file_.fields, file_.bytes, pattern(24, file_.fields.file_id.bytes[0])) {
    file_.plaintext = pattern(size, size + 1);
  }

  GoldenPages& page(uint64_t number) {
    pages_.page(number, text_of(number));
    return *this;
  }
  // One that a journal has anew.
  GoldenPages& old_page(uint64_t number) {
    pages_.page(number, pattern(text_of(number).size(), number));
    return *this;
  }
  GoldenPages& hole(uint64_t number) {
    pages_.hole(number);
    return zeros(number, number + 1);
  }
  // Pages [first, end) of the plaintext.
  GoldenPages& zeros(uint64_t first, uint64_t end) {
    const uint64_t size = pages_.layout().page_size();
    for (uint64_t i = first * size; i < std::min(end * size, file_.plaintext.size()); ++i) file_.plaintext[i] = 0;
    return *this;
  }
  // The newest one last.
  GoldenPages& root(size_t slot, const PagesRoot& root) {
    pages_.root(slot, root);
    epoch_ = root.epoch;
    journal_end_ = root.journal;
    closed_ = root.journal == 0 && root.proven == pages_.layout().page_count(root.size);
    return *this;
  }
  // The next record of the journal that the root has. What it says of a page is its plaintext.
  GoldenPages& record(PagesRecord record) {
    record.epoch = epoch_;
    record.number = ++records_;
    const bool is_page = record.what == PagesRecord::What::kPage;
    journal_end_ = pages_.record(journal_end_, record, is_page ? text_of(record.page) : ByteView());
    return *this;
  }
  GoldenFile finish(const std::function<void(GoldenFile&)>& change = {}) {
    file_.bytes = pages_.bytes();
    file_.closed = closed_;
    if (change) change(file_);
    return std::move(file_);
  }

 private:
  ByteView text_of(uint64_t page) const {
    const size_t size = pages_.layout().page_size(), at = page * size;
    return slice(file_.plaintext, at, std::min(size, file_.plaintext.size() - at));
  }

  GoldenFile file_;
  KnownPages pages_;
  uint64_t epoch_ = 0;
  uint64_t journal_end_ = 0;
  uint64_t records_ = 0;
  bool closed_ = false;
};

// Five pages that were closed once, some of them before they were written anew: what the others begin with.
GoldenPages five_pages(std::string name, std::string note, size_t size, std::set<uint64_t> old = {}) {
  GoldenPages file(std::move(name), std::move(note), 10, size);
  for (uint64_t page = 0; page < 5; ++page) old.contains(page) ? file.old_page(page) : file.page(page);
  return file;
}

void add_closed(std::vector<GoldenFile>& out) {
  constexpr uint64_t kGroup = kPagesInGroup;
  constexpr uint64_t kSize = (kGroup + 4) * 1024 + 7;
  out.push_back(GoldenPages("closed", "closed; a group of holes, and two holes beside pages", 10, kSize)
                    .page(kGroup)
                    .page(kGroup + 2)
                    .hole(kGroup + 1)
                    .hole(kGroup + 3)
                    .page(kGroup + 4)
                    .zeros(0, kGroup)
                    .root(0, {.sequence = 1, .size = kSize, .holes = {{0, 1}}})
                    .root(1, {.sequence = 2, .size = kSize, .proven = kGroup + 5, .holes = {{0, 1}}})
                    .finish());
  out.push_back(GoldenPages("large", "closed; one page of 64 KiB", 16, 5000)
                    .page(0)
                    .root(1, {.sequence = 2, .size = 4000, .proven = 1})
                    .root(0, {.sequence = 3, .size = 5000, .proven = 1, .epoch = 1})
                    .finish());
  out.push_back(GoldenPages("empty", "synced, of no bytes", 12, 0).root(0, {.sequence = 1}).finish());
}

constexpr uint64_t kJournal = 32768;
PagesRoot root_with_journal() { return {.sequence = 9, .size = 4500, .proven = 5, .epoch = 3, .journal = kJournal}; }

void add_crashed(std::vector<GoldenFile>& out) {
  using What = PagesRecord::What;
  const PagesRoot root = root_with_journal();
  out.push_back(five_pages("journal", "left with a journal: a page, a hole, growth, behind it a page", 8000, {1, 2})
                    .root(1, root)
                    .record({.page = 1, .size = 4500})
                    .record({.what = What::kHoles, .page = 2, .count = 1, .size = 4500, .durable = 1160})
                    .record({.what = What::kHoles, .page = 5, .count = ~uint64_t{0}, .size = 7200})
                    .record({.page = 7, .size = 8000, .durable = 1432})
                    .zeros(2, 3)
                    .zeros(5, 7)
                    .finish([](GoldenFile& file) {  // behind a root anything may stand
                      std::fill_n(file.bytes.begin() + PagesLayout::kRootOffsets[1] + 512, 3584, uint8_t{0xee});
                    }));
  out.push_back(five_pages("torn-journal", "the second record of the journal is torn: it was never durable", 4500, {1})
                    .root(0, root)
                    .record({.page = 1, .size = 4500})
                    .record({.page = 3, .size = 4500})
                    .finish([](GoldenFile& file) { file.bytes.resize(file.bytes.size() - 600); }));
  out.push_back(five_pages("torn-growth", "grown from two pages; the third came to the disk, the fourth did not", 4500)
                    .root(0, {.sequence = 1, .size = 2048, .proven = 2})
                    .root(1, {.sequence = 2, .size = 4500, .proven = 2})
                    .finish([](GoldenFile& file) {
                      std::fill_n(&file.bytes[PagesLayout::create(10)->page_offset(3)], 512, uint8_t{0});
                      file.plaintext.resize(3072);
                    }));
}

void add_damaged(std::vector<GoldenFile>& out) {
  out.push_back(
      five_pages("damaged-journal", "the first record is damaged, and the second says it was durable", 4500, {1})
          .root(0, root_with_journal())
          .record({.page = 1, .size = 4500})
          .record({.page = 3, .size = 4500, .durable = 1160})
          .finish([](GoldenFile& file) {
            file.bytes[kJournal + 500] ^= 1;
            file.error = Code::kTampered;
          }));
  const PagesRoot closed{.sequence = 2, .size = 4500, .proven = 5};
  out.push_back(five_pages("damaged-page", "one bit of page 2 is flipped", 4500)
                    .root(1, closed)
                    .finish([](GoldenFile& file) {
                      file.bytes[PagesLayout::create(10)->page_offset(2) + 77] ^= 8;
                      file.error = Code::kTampered;
                    }));
  out.push_back(five_pages("truncated", "the last page is missing", 4500)
                    .root(1, closed)
                    .finish([](GoldenFile& file) {
                      file.bytes.resize(file.bytes.size() - 1024);
                      file.error = Code::kTruncated;
                    }));
}

}  // namespace

void add_golden_pages(std::vector<GoldenFile>& out) {
  add_closed(out);
  add_crashed(out);
  add_damaged(out);
}

}  // namespace coffer
