// `blocks` files: written once, read at random, each chunk authenticated. docs/format.md, "blocks".
#pragma once

#include <algorithm>

#include "coffer/files/held_form.h"
#include "coffer/format/blocks.h"

namespace coffer {

class Body;

// Each read proves itself.
struct BlocksProof {
  static Result<BlocksProof> begin(const OpenedFile&) { return BlocksProof(); }
  void add(ByteView) {}
  Status finish() { return Status::ok(); }
};

// For reading; thread-safe.
class OpenBlocks {
 public:
  static constexpr bool kInPlace = false;
  static constexpr bool kMayBeShort = false;

  static Result<OpenBlocks> open(const OpenedFile& opened, std::shared_ptr<const ReadableFile> file,
                                 uint64_t physical_size);
  // Of a file that is being written, where whole chunks are there: its end is not looked at, and its size is not known.
  static Result<OpenBlocks> open_unfinished(const OpenedFile& opened, std::shared_ptr<const ReadableFile> file);

  uint64_t logical_size() const { return held_->form().logical_size(); }
  bool size_is_final() const { return true; }
  uint64_t readable(uint64_t offset, uint64_t size) const {
    return offset >= logical_size() ? 0 : std::min(size, logical_size() - offset);
  }
  BlocksOpener::Range range(uint64_t offset, uint64_t size) const { return held_->form().range(offset, size); }
  Status open(uint64_t offset, uint64_t size, MutableBytes sealed, uint8_t* out) const {
    return held_->with_form([&](const BlocksOpener& opener) { return opener.open(offset, size, sealed, out); });
  }
  Status usable() const { return held_->usable(); }
  bool authenticated() const { return true; }
  Status prove(const ReadableFile&, const OpenedFile&) const { return Status::ok(); }
  using Proof = BlocksProof;

 private:
  using Held = HeldForm<BlocksOpener>;
  static Result<std::unique_ptr<Held>> hold(const OpenedFile& opened, std::shared_ptr<const ReadableFile> file,
                                            uint64_t physical_size);
  explicit OpenBlocks(std::unique_ptr<Held> held) : held_(std::move(held)) {}

  std::unique_ptr<Held> held_;
};

const Body& blocks_body();

}  // namespace coffer
