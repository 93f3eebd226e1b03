// Changing a `pages` file. docs/format.md, "pages".
//
// A page that may be durable is never overwritten in its place before its successor is durable in the journal (P3). So
// there are two ways in which a page is written:
//
//   direct       in its place, for pages from the floor on: nothing of them was durable yet
//   journaled    by a record. checkpoint() brings it to its place later
//
// Not thread-safe, but for reads of the state beside sync(). REQUIRES throughout: begin() was called.
#pragma once

#include "coffer/files/pages_state.h"
#include "coffer/store/keyring_uses.h"

namespace coffer {

struct PagesLimits {
  // So much of a journal is written before it is brought to its places, but for what comes at once.
  uint64_t journal_max = uint64_t{16} << 20;
  // By so much the file may grow before its journal, which stands behind it, is in its way.
  uint64_t room_to_grow = uint64_t{16} << 20;
};

class PagesWriter {
 public:
  // `head`: the envelope, of a file that is new.
  PagesWriter(PagesState& state, WritableFile& file, PagesKeys& keys, ByteView head, const PagesLimits& limits);

  // Of a file that is new: held until its header is in it.
  void be_used(KeyringUsePtr use) { use_ = std::move(use); }
  // Before the first change: the header and a root are durable, and what a crash left behind is in its place.
  Status begin();
  bool began() const { return began_; }

  // Whether checkpoint() has to come first, if pages before `end` are written or made, `bytes` of plaintext in all.
  bool needs_checkpoint(uint64_t end, uint64_t bytes) const;
  // Everything is durable, and in its place.
  Status checkpoint();

  // Whole pages; what lies between the end and `first` becomes holes. The file has `size` bytes afterwards.
  Status write(uint64_t first, ByteView plaintext, uint64_t size);
  // Nothing is left of [first, end), where kEnd is behind the last.
  Status cut(uint64_t first, uint64_t end, uint64_t size);
  // More bytes than it has, all zeros.
  Status grow(uint64_t size);

  // Around a sync of the file, beside which others go on writing.
  bool must_sync() const { return dirty_; }
  Status begin_sync();
  Status end_sync(const Status& synced);
  // Everything is durable and in its place, and nothing else is in the file.
  Status finish();

 private:
  struct ChangedPage {
    uint64_t page = 0;
    PagesState::Changed at;
  };
  bool is_journaled(uint64_t page) const { return page < floor_ || !state_.cut.empty(); }
  Status write_direct(uint64_t first, ByteView plaintext);
  template <class Place>
  Result<std::vector<XaesSeal>> seal_pages(uint64_t first, ByteView plaintext, const Place& place);
  Status write_journaled(uint64_t first, ByteView plaintext, uint64_t size);
  Status begin_journal(uint64_t end);
  PagesRecord next_record(uint64_t size) const;

  Status make_holes(uint64_t first, uint64_t end);
  Status make_holes_in_group(uint64_t first, uint64_t end);
  Status add_hole_groups(uint64_t first, uint64_t end);
  Status fill_smallest_range();
  // The group has a tag block from now on.
  Status materialize(uint64_t group);
  Status put_seals(uint64_t first, std::span<const XaesSeal> seals, TagBlock::State state);
  // Those of [first, end) of its pages have changed in `block`.
  Status put_block(uint64_t group, const TagBlock& block, size_t first, size_t end);

  // No seal stands behind the end: one of an earlier page must not come back if a crash takes what was put over it.
  Status clear_behind();
  Status apply_changes();
  Status apply_to_group(std::span<const ChangedPage> pages);
  Status apply_run(std::span<const ChangedPage> pages);
  Status apply_cuts();
  Status sync_now();
  Status write_root();
  Status write_root_to(size_t slot);

  PagesState& state_;
  WritableFile& file_;
  PagesKeys& keys_;
  Bytes head_;
  KeyringUsePtr use_;
  const PagesLimits limits_;
  bool began_ = false;
  bool dirty_ = false;
  // A sync did, or the last root of a checkpoint: nobody knows what is on the disk, and what is changed now could be
  // over a journal that a root there still needs (P4).
  Status failed_ = Status::ok();
  uint64_t floor_ = 0;
  uint64_t proven_ = 0;           // pages before it are durable
  uint64_t journal_durable_ = 0;  // bytes of it
  size_t durable_slot_ = 1;       // of the root that is not overwritten
  bool root_is_stale_ = false;
  bool syncing_ = false;
  struct {
    uint64_t journal = 0, journal_end = 0, proven = 0;
    size_t slot = 0;
  } sync_;  // what one that began makes durable
};

}  // namespace coffer
