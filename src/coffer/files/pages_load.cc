// Taking up a `pages` file as a clean close, or a crash at any moment, left it.
#include <algorithm>

#include "coffer/base/codec.h"
#include "coffer/files/pages_state.h"
#include "coffer/files/read_exactly.h"

namespace coffer {
namespace {

// Where no record can be read, evidence is looked for so far behind it.
constexpr uint64_t kSearchMax = uint64_t{64} << 20;

Status load_root(PagesState& state, const ReadableFile& file, PagesKeys& keys) {
  std::array<Bytes, 2> slots;
  for (size_t i = 0; i < 2; ++i) {
    slots[i].resize(PagesRoot::kSlotSize);
    COFFER_ASSIGN(const size_t count, file.read_at(PagesLayout::kRootOffsets[i], slots[i]));
    slots[i].resize(count);
  }
  bool found = false;
  COFFER_TRY(keys.with_form([&](const PagesCipher& cipher) {
    XaesOpening opening = cipher.opening();
    for (size_t i = 0; i < 2; ++i) {
      auto root = PagesRoot::open(slots[i], opening);
      if (!root || (found && root->sequence < state.root.sequence)) continue;
      found = true;
      state.root = std::move(*root);
      state.root_slot = i;
    }
    return Status::ok();
  }));
  if (found) return Status::ok();
  // A crash may have left a new file without its first root: then nothing of it was ever durable (P8).
  const auto is_zero = [](const Bytes& bytes) { return std::ranges::all_of(bytes, [](uint8_t b) { return b == 0; }); };
  if (is_zero(slots[0]) && is_zero(slots[1])) return Status::ok();
  return {Code::kTampered, "neither of its two roots is one: they are damaged or were altered"};
}

// Reads the journal from its beginning.
class JournalReader {
 public:
  JournalReader(PagesState& state, const ReadableFile& file, PagesKeys& keys)
      : state_(state), file_(file), keys_(keys), ciphertext_(state.layout.page_size()) {}

  Status read_all() {
    state_.journal_end = state_.root.journal;
    uint64_t proven = state_.root.durable;
    for (;;) {
      COFFER_ASSIGN(const auto record, next());
      if (!record) break;
      take(*record);
      proven = std::max(proven, record->durable);
    }
    COFFER_ASSIGN(const uint64_t evidence, search_behind());
    if (std::max(proven, evidence) <= state_.journal_end - state_.root.journal) return Status::ok();
    return {Code::kTampered, "record " + std::to_string(state_.records + 1) +
                                 " of its journal, which was durable, is damaged or was altered"};
  }

 private:
  // The record at the end, if there is one that can be read as a whole.
  Result<std::optional<PagesRecord>> next() {
    std::array<uint8_t, PagesRecord::kHeaderSize> header;
    COFFER_ASSIGN(const size_t count, file_.read_at(state_.journal_end, header));
    COFFER_ASSIGN(auto record, open(ByteView(header).first(count)));
    if (!record || record->number != state_.records + 1) return std::optional<PagesRecord>();
    if (record->what != PagesRecord::What::kPage) return record;
    COFFER_ASSIGN(const size_t bytes, file_.read_at(state_.journal_end + header.size(), ciphertext_));
    if (bytes < ciphertext_.size()) return std::optional<PagesRecord>();
    bool whole = false;
    COFFER_TRY(keys_.with_form([&](const PagesCipher& cipher) {
      XaesOpening opening = cipher.opening();
      whole = cipher.open_page(opening, record->page, ciphertext_, record->page_seal, ciphertext_.data()).is_ok();
      wipe(ciphertext_.data(), ciphertext_.size());
      return Status::ok();
    }));
    return whole ? record : std::optional<PagesRecord>();
  }

  // One of this journal.
  Result<std::optional<PagesRecord>> open(ByteView header) {
    std::optional<PagesRecord> record;
    COFFER_TRY(keys_.with_form([&](const PagesCipher& cipher) {
      XaesOpening opening = cipher.opening();
      record = PagesRecord::open(header, opening);
      return Status::ok();
    }));
    if (record && record->epoch != state_.root.epoch) record.reset();
    return record;
  }

  void take(const PagesRecord& record) {
    if (record.what == PagesRecord::What::kPage) {
      state_.change(record.page, {state_.journal_end + PagesRecord::kHeaderSize, record.page_seal});
    } else {
      state_.cut_pages(record.page, record.count == PageRanges::kEnd ? PageRanges::kEnd : record.page + record.count);
    }
    state_.journal_end += record.total_size(ciphertext_.size());
    state_.records = record.number;
    if (record.number > state_.root.records) state_.size = record.size;
  }

  // How much of the journal some record says was durable that stands where its end seems to be, or behind.
  Result<uint64_t> search_behind() {
    uint64_t out = 0;
    Bytes piece(kReadPieceSize + PagesRecord::kHeaderSize);
    for (uint64_t at = state_.journal_end; at < state_.journal_end + kSearchMax; at += kReadPieceSize) {
      COFFER_ASSIGN(const size_t count, file_.read_at(at, piece));
      for (size_t i = 0; i < kReadPieceSize && i + PagesRecord::kHeaderSize <= count; i += PagesRecord::kAlignment) {
        const ByteView header = ByteView(piece).subspan(i, PagesRecord::kHeaderSize);
        if (!PagesRecord::look_at(header)) continue;
        COFFER_ASSIGN(const auto record, open(header));
        if (record && record->number > state_.records) out = std::max(out, record->durable);
      }
      if (count < piece.size()) break;
    }
    return out;
  }

  PagesState& state_;
  const ReadableFile& file_;
  PagesKeys& keys_;
  Bytes ciphertext_;
};

// Where the root came to the disk before the pages that it speaks of, or they came in part, the file ends before the
// first that did not.
Status find_end(PagesState& state, const ReadableFile& file, PagesKeys& keys) {
  const uint64_t page_size = state.layout.page_size();
  Bytes page(page_size);
  for (uint64_t i = state.root.proven; i < state.pages(); ++i) {
    if (state.changed.contains(i)) continue;
    if (const uint64_t end = state.end_of_zeros(i); end > i) {
      i = end - 1;
      continue;
    }
    const Status status = read_pages(state, file, keys, i, page);
    wipe(page.data(), page.size());
    if (status.is_ok()) continue;
    if (status.code() != Code::kTampered && status.code() != Code::kTruncated) return status;
    state.size = i * page_size;
    state.cut_pages(i, PageRanges::kEnd);
    break;
  }
  return Status::ok();
}

}  // namespace

Status load_pages(PagesState& state, const ReadableFile& file, PagesKeys& keys) {
  COFFER_TRY(load_root(state, file, keys));
  state.size = state.root.size;
  if (state.root.journal != 0) {
    COFFER_TRY(JournalReader(state, file, keys).read_all());
    state.cut_pages(state.pages(), PageRanges::kEnd);
  }
  COFFER_TRY(find_end(state, file, keys));
  COFFER_ASSIGN(const uint64_t physical_size, file.size());
  const uint64_t proven = std::min(state.root.proven, state.pages());
  if (proven == 0 || physical_size >= state.layout.end_of(proven)) return Status::ok();
  return {Code::kTruncated, "has " + std::to_string(physical_size) + " bytes, but should have at least " +
                                std::to_string(state.layout.end_of(proven))};
}

}  // namespace coffer
