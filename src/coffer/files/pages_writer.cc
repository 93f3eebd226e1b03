#include "coffer/files/pages_writer.h"

#include <algorithm>

#include "coffer/base/scratch.h"

namespace coffer {
namespace {

constexpr uint64_t kJournalAlignment = 4096;

}  // namespace

PagesWriter::PagesWriter(PagesState& state, WritableFile& file, PagesKeys& keys, ByteView head,
                         const PagesLimits& limits)
    : state_(state), file_(file), keys_(keys), head_(head.begin(), head.end()), limits_(limits) {}

Status PagesWriter::begin() {
  COFFER_TRY(failed_);
  if (began_) return Status::ok();
  if (!head_.empty()) COFFER_TRY(file_.write_at(0, head_));
  if (state_.root.journal == 0) COFFER_TRY(clear_behind());
  // A root that was never synced has no older one beside it that could be lost.
  durable_slot_ = state_.root.sequence == 0 ? 1 : state_.root_slot;
  state_.root_slot = durable_slot_;
  COFFER_TRY(sync_now());
  floor_ = proven_ = state_.pages();
  began_ = true;
  head_ = {};
  use_ = nullptr;
  if (state_.root.sequence == 0) return write_root();
  // Behind a record that was torn there may be others of this epoch, which must not follow a new one (P5).
  if (state_.root.journal != 0 || !state_.cut.empty()) return checkpoint();
  return Status::ok();
}

bool PagesWriter::needs_checkpoint(uint64_t end, uint64_t bytes) const {
  if (state_.root.journal == 0) return false;
  if (state_.layout.end_of(end) > state_.root.journal) return true;
  const uint64_t pages = state_.layout.page_count(bytes) + 2;
  const uint64_t used = state_.journal_end - state_.root.journal;
  return used > 0 && used + pages * (PagesRecord::kHeaderSize + state_.layout.page_size()) > limits_.journal_max;
}

Status PagesWriter::write(uint64_t first, ByteView plaintext, uint64_t size) {
  COFFER_TRY(failed_);
  if (first > state_.pages()) COFFER_TRY(grow(first * state_.layout.page_size()));
  dirty_ = true;
  const uint64_t end = first + state_.layout.page_count(plaintext.size());
  const uint64_t split = !state_.cut.empty() ? end : std::clamp(floor_, first, end);
  const size_t journaled = (split - first) * state_.layout.page_size();
  if (split > first) COFFER_TRY(begin_journal(end));
  if (split < end) COFFER_TRY(write_direct(split, plaintext.subspan(journaled)));
  if (split > first) COFFER_TRY(write_journaled(first, plaintext.first(journaled), size));
  root_is_stale_ |= split < end && size != state_.size;
  state_.size = size;
  return root_is_stale_ ? write_root() : Status::ok();
}

Status PagesWriter::grow(uint64_t size) {
  COFFER_TRY(failed_);
  dirty_ = true;
  const uint64_t first = state_.pages(), end = state_.layout.page_count(size);
  if (is_journaled(first)) return cut(first, PageRanges::kEnd, size);
  COFFER_TRY(make_holes(first, end));
  if (state_.root.journal == 0) COFFER_TRY(file_.truncate(state_.layout.end_of(end)));
  state_.size = size;
  return write_root();
}

Status PagesWriter::cut(uint64_t first, uint64_t end, uint64_t size) {
  COFFER_TRY(failed_);
  dirty_ = true;
  // Where the page before it is in the journal, so is this: they must not come to the disk one without the other.
  if (is_journaled(first) || state_.root.journal != 0) {
    COFFER_TRY(begin_journal(state_.layout.page_count(std::max(size, state_.size))));
    PagesRecord record = next_record(size);
    record.what = PagesRecord::What::kHoles;
    record.page = first;
    record.count = end == PageRanges::kEnd ? end : end - first;
    std::array<uint8_t, PagesRecord::kHeaderSize> header;
    COFFER_TRY(keys_.with_form([&](const PagesCipher& cipher) -> Status {
      COFFER_ASSIGN(XaesSealing sealing, cipher.sealing());
      return record.seal(sealing, header.data());
    }));
    COFFER_TRY(file_.write_at(state_.journal_end, header));
    state_.journal_end += header.size();
    ++state_.records;
    state_.cut_pages(first, end);
    state_.size = size;
    return Status::ok();
  }
  if (end != PageRanges::kEnd) COFFER_TRY(make_holes(first, end));
  state_.size = size;
  if (end == PageRanges::kEnd) COFFER_TRY(clear_behind());
  return write_root();
}

// One call writes what lies behind each other: pages, and the tag blocks of the groups that begin among them.
Status PagesWriter::write_direct(uint64_t first, ByteView plaintext) {
  const PagesLayout& layout = state_.layout;
  const uint64_t end = first + plaintext.size() / layout.page_size();
  const uint64_t first_group = PagesLayout::group_of(first + kPagesInGroup - 1);
  const uint64_t end_group = PagesLayout::group_of(end - 1) + 1;
  for (uint64_t group = PagesLayout::group_of(first); group < end_group; ++group) {
    if (state_.in_hole_group(group * kPagesInGroup)) COFFER_TRY(materialize(group));
  }
  const uint64_t inside = first_group * kPagesInGroup - first;  // pages before those groups
  const uint64_t begin = inside == 0 ? layout.group_offset(first_group) : layout.page_offset(first);
  Scratch image(layout.end_of(end) - begin);
  const auto place = [&](uint64_t offset) { return image.data() + (offset - begin); };
  COFFER_ASSIGN(const auto seals, seal_pages(first, plaintext, [&](uint64_t page) {
                  return place(layout.page_offset(page));
                }));
  std::vector<TagBlock> blocks(end_group - first_group);
  for (uint64_t group = first_group; group < end_group; ++group) {
    TagBlock& block = blocks[group - first_group];
    COFFER_TRY(state_.tags.get(file_, layout, group, block));
    const auto of_group = std::span(seals).subspan(group * kPagesInGroup - first);
    block.set(0, TagBlock::State::kPage, of_group.first(std::min<size_t>(of_group.size(), kPagesInGroup)));
    std::ranges::copy(block.bytes(), place(layout.group_offset(group)));
  }
  COFFER_TRY(file_.write_at(begin, image.bytes()));
  for (uint64_t group = first_group; group < end_group; ++group) state_.tags.put(group, blocks[group - first_group]);
  if (inside == 0) return Status::ok();
  return put_seals(first, std::span(seals).first(std::min<size_t>(seals.size(), inside)), TagBlock::State::kPage);
}

// By one draw. `place`: where the ciphertext of a page goes.
template <class Place>
Result<std::vector<XaesSeal>> PagesWriter::seal_pages(uint64_t first, ByteView plaintext, const Place& place) {
  const uint64_t page_size = state_.layout.page_size();
  std::vector<XaesSeal> seals(plaintext.size() / page_size);
  const Status sealed = keys_.with_form([&](const PagesCipher& cipher) -> Status {
    COFFER_ASSIGN(XaesSealing sealing, cipher.sealing());
    for (size_t i = 0; i < seals.size(); ++i) {
      COFFER_TRY(PagesCipher::seal_page(sealing, first + i, plaintext.subspan(i * page_size, page_size),
                                        place(first + i), seals[i]));
    }
    return Status::ok();
  });
  COFFER_TRY(sealed);
  return seals;
}

Status PagesWriter::put_seals(uint64_t first, std::span<const XaesSeal> seals, TagBlock::State state) {
  const uint64_t group = PagesLayout::group_of(first);
  const size_t index = first % kPagesInGroup;
  TagBlock block;
  COFFER_TRY(state_.tags.get(file_, state_.layout, group, block));
  block.set(index, state, seals);
  return put_block(group, block, index, index + seals.size());
}

Status PagesWriter::put_block(uint64_t group, const TagBlock& block, size_t first, size_t end) {
  const size_t sector = TagBlock::sector_of(first), end_sector = TagBlock::sector_of(end - 1) + 1;
  COFFER_TRY(file_.write_at(state_.layout.group_offset(group) + sector * kTagSectorSize,
                            block.sectors(sector, end_sector - sector)));
  state_.tags.put(group, block);
  return Status::ok();
}

Status PagesWriter::begin_journal(uint64_t end) {
  if (state_.root.journal != 0) return Status::ok();
  const uint64_t data_end = state_.layout.end_of(std::max(end, state_.pages()));
  state_.root.journal = (data_end + limits_.room_to_grow + kJournalAlignment) / kJournalAlignment * kJournalAlignment;
  state_.journal_end = state_.root.journal;
  state_.records = 0;
  journal_durable_ = 0;
  COFFER_ASSIGN(const uint64_t physical_size, file_.size());
  if (physical_size < state_.root.journal) COFFER_TRY(file_.truncate(state_.root.journal));
  return write_root();
}

PagesRecord PagesWriter::next_record(uint64_t size) const {
  PagesRecord record;
  record.epoch = state_.root.epoch;
  record.number = state_.records + 1;
  record.size = size;
  record.durable = journal_durable_;
  return record;
}

Status PagesWriter::write_journaled(uint64_t first, ByteView plaintext, uint64_t size) {
  const uint64_t page_size = state_.layout.page_size();
  const size_t count = plaintext.size() / page_size, step = PagesRecord::kHeaderSize + page_size;
  PagesRecord record = next_record(size);
  Scratch records(count * step);
  std::vector<XaesSeal> seals(count);
  const Status sealed = keys_.with_form([&](const PagesCipher& cipher) -> Status {
    COFFER_ASSIGN(XaesSealing sealing, cipher.sealing());
    for (size_t i = 0; i < count; ++i) {
      uint8_t* at = records.data() + i * step;
      record.page = first + i;
      COFFER_TRY(PagesCipher::seal_page(sealing, record.page, plaintext.subspan(i * page_size, page_size),
                                        at + PagesRecord::kHeaderSize, record.page_seal));
      COFFER_TRY(record.seal(sealing, at));
      seals[i] = record.page_seal;
      ++record.number;
    }
    return Status::ok();
  });
  COFFER_TRY(sealed);
  COFFER_TRY(file_.write_at(state_.journal_end, records.bytes()));
  for (size_t i = 0; i < count; ++i) {
    state_.change(first + i, {state_.journal_end + i * step + PagesRecord::kHeaderSize, seals[i]});
  }
  state_.journal_end += count * step;
  state_.records += count;
  return Status::ok();
}

// In the slot whose root is not the durable one.
Status PagesWriter::write_root() {
  if (syncing_) {  // that root may be on its way to the disk
    root_is_stale_ = true;
    return Status::ok();
  }
  return write_root_to(1 - durable_slot_);
}

Status PagesWriter::write_root_to(size_t slot) {
  PagesRoot& root = state_.root;
  ++root.sequence;
  root.size = state_.size;
  root.proven = std::min(proven_, state_.pages());
  root.records = state_.records;
  root.durable = journal_durable_;
  root_is_stale_ = true;
  Bytes bytes;
  COFFER_TRY(keys_.with_form([&](const PagesCipher& cipher) -> Status {
    COFFER_ASSIGN(XaesSealing sealing, cipher.sealing());
    COFFER_ASSIGN(bytes, root.seal(sealing));
    return Status::ok();
  }));
  COFFER_TRY(file_.write_at(PagesLayout::kRootOffsets[slot], bytes));
  state_.root_slot = slot;
  root_is_stale_ = false;
  return Status::ok();
}

Status PagesWriter::begin_sync() {
  COFFER_TRY(failed_);
  if (root_is_stale_) COFFER_TRY(write_root());
  dirty_ = false;
  syncing_ = true;
  floor_ = std::max(floor_, state_.pages());
  sync_ = {state_.root.journal, state_.journal_end, state_.pages(), state_.root_slot};
  return Status::ok();
}

Status PagesWriter::end_sync(const Status& synced) {
  syncing_ = false;
  if (!synced.is_ok()) {
    failed_ = {synced.code(), std::string(synced.message()) + "; it has to be opened anew"};
    return synced;
  }
  durable_slot_ = sync_.slot;
  proven_ = sync_.proven;
  if (sync_.journal == state_.root.journal) journal_durable_ = sync_.journal_end - sync_.journal;
  return Status::ok();
}

Status PagesWriter::sync_now() {
  COFFER_TRY(begin_sync());
  return end_sync(file_.sync());
}

}  // namespace coffer
