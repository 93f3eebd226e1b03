// What is known of a `pages` file that is open, and reading it. docs/format.md, "pages".
//
// A page is what stands first in this list:
//   changed   by a record of the journal
//   cut       taken away by a record of the journal: zeros
//   holes     of a group without a tag block: zeros
//   tags      in its place: a page, or a hole, which is zeros
#pragma once

#include <mutex>
#include <unordered_map>

#include "coffer/files/held_form.h"
#include "coffer/files/page_ranges.h"
#include "coffer/format/pages_record.h"
#include "coffer/format/pages_root.h"
#include "coffer/format/pages_tags.h"

namespace coffer {

using PagesKeys = HeldForm<PagesCipher>;
// REQUIRES: it is a pages file
Result<std::unique_ptr<PagesKeys>> pages_keys(const OpenedFile& opened, std::shared_ptr<const ReadableFile> file);

// Some tag blocks as they are in the file. Any number of threads that read it, or one that changes it.
class TagCache {
 public:
  Status get(const ReadableFile& file, const PagesLayout& layout, uint64_t group, TagBlock& out) const;
  // The file has this one.
  void put(uint64_t group, const TagBlock& block) const;
  void clear();

 private:
  static constexpr size_t kBlocks = 16;
  struct Entry {
    uint64_t group = ~uint64_t{0};
    TagBlock block;
  };

  mutable std::mutex mutex_;
  mutable std::array<std::unique_ptr<Entry>, kBlocks> entries_;
};

struct PagesState {
  explicit PagesState(const PagesLayout& of) : layout(of) {}

  struct Changed {
    uint64_t offset = 0;  // of its ciphertext
    XaesSeal seal;
  };

  const PagesLayout layout;
  uint64_t size = 0;  // logical
  PagesRoot root;     // as it stands in root_slot
  size_t root_slot = 0;
  std::unordered_map<uint64_t, Changed> changed;
  PageRanges cut;
  uint64_t journal_end = 0;  // where the next record goes
  uint64_t records = 0;      // in the journal
  TagCache tags;

  uint64_t pages() const { return layout.page_count(size); }
  bool in_hole_group(uint64_t page) const;
  // Pages from `page` to before this one are zeros without anything being read; `page` where it is not known to be.
  // Files may have holes of 2^30 pages: who walks through them goes by this.
  uint64_t end_of_zeros(uint64_t page) const;
  // That page is changed, or taken away.
  void change(uint64_t page, const Changed& to) { changed[page] = to; }
  void cut_pages(uint64_t first, uint64_t end);
};

// `file` as it stands, whatever a crash left. kTampered where no crash explains it, kTruncated where something is
// missing that was there. Changes nothing in the file.
Status load_pages(PagesState& state, const ReadableFile& file, PagesKeys& keys);

// Plaintext of whole pages: out.size() is a multiple of the page size, and all of it lies before state.pages(). On
// failure `out` is all zeros. Thread-safe.
Status read_pages(const PagesState& state, const ReadableFile& file, PagesKeys& keys, uint64_t first,
                  MutableBytes out);
// The same of any bytes before state.size.
Status read_pages_range(const PagesState& state, const ReadableFile& file, PagesKeys& keys, uint64_t offset,
                        MutableBytes out);

// The first page from `page` on that is in no hole, or in one; state.pages() where there is none.
Result<uint64_t> find_page(const PagesState& state, const ReadableFile& file, uint64_t page, bool data);

}  // namespace coffer
