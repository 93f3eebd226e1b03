// `blocks` files: written once, read at random, each chunk authenticated. docs/format.md, "blocks".
#pragma once

#include <algorithm>

#include "coffer/format/blocks.h"
#include "coffer/io/disk.h"
#include "coffer/store/coffer.h"

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

  static Result<OpenBlocks> open(const OpenedFile& opened, const ReadableFile& file, uint64_t physical_size);

  uint64_t logical_size() const { return opener_.logical_size(); }
  bool size_is_final() const { return true; }
  uint64_t readable(uint64_t offset, uint64_t size) const {
    return offset >= logical_size() ? 0 : std::min(size, logical_size() - offset);
  }
  BlocksOpener::Range range(uint64_t offset, uint64_t size) const { return opener_.range(offset, size); }
  Status open(uint64_t offset, uint64_t size, MutableBytes sealed, uint8_t* out) const {
    return opener_.open(offset, size, sealed, out);
  }
  bool authenticated() const { return true; }
  Status prove(const ReadableFile&, const OpenedFile&) const { return Status::ok(); }
  using Proof = BlocksProof;

 private:
  explicit OpenBlocks(BlocksOpener opener) : opener_(std::move(opener)) {}

  BlocksOpener opener_;
};

const Body& blocks_body();

}  // namespace coffer
