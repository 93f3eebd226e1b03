// `ctr` files: byte n of the plaintext is byte n after the header. docs/format.md, "ctr".
#pragma once

#include "coffer/files/held_form.h"
#include "coffer/format/blocks.h"
#include "coffer/format/ctr.h"

namespace coffer {

class Body;

// Whether bytes that are read front to back are those that the MAC was taken of: a file may have been changed since
// anybody looked at it last.
class CtrProof {
 public:
  static Result<CtrProof> begin(const OpenedFile& opened);
  void add(ByteView sealed) { mac_.update(sealed); }
  Status finish();  // kTampered

 private:
  CtrProof(Gmac mac, const std::array<uint8_t, kTagSize>& expected) : mac_(std::move(mac)), expected_(expected) {}

  Gmac mac_;
  std::array<uint8_t, kTagSize> expected_;
};

// For reading; thread-safe. A file that was not closed may still grow.
class OpenCtr {
 public:
  static constexpr bool kInPlace = true;
  static constexpr bool kMayBeShort = true;

  // kTruncated or kTampered when it has not the size it was closed with.
  static Result<OpenCtr> open(const OpenedFile& opened, std::shared_ptr<const ReadableFile> file,
                              uint64_t physical_size);

  uint64_t logical_size() const { return size_; }
  bool size_is_final() const { return sealed_; }
  uint64_t readable(uint64_t, uint64_t size) const { return size; }
  BlocksOpener::Range range(uint64_t offset, uint64_t size) const { return {kEnvelopeSize + offset, size}; }
  Status open(uint64_t offset, uint64_t, MutableBytes sealed, uint8_t* out) const {
    return held_->with_form([&](const CtrBody& body) { return body.apply(offset, sealed, out); });
  }
  Status usable() const { return held_->usable(); }
  // Only the MAC that a clean close leaves proves a body, and only as a whole.
  bool authenticated() const { return sealed_; }
  // REQUIRES: authenticated(); `opened` is what open() was given
  Status prove(const ReadableFile& file, const OpenedFile& opened) const;
  using Proof = CtrProof;

 private:
  using Held = HeldForm<CtrBody>;
  OpenCtr(std::unique_ptr<Held> held, bool sealed, uint64_t size)
      : held_(std::move(held)), sealed_(sealed), size_(size) {}

  std::unique_ptr<Held> held_;
  bool sealed_;
  uint64_t size_;
};

const Body& ctr_body();

}  // namespace coffer
