// The file of a directory whose names are encrypted. For tools it is a file without contents; who shows the directory
// seals and opens names with it. docs/format.md, section 22.
#pragma once

#include "coffer/files/blocks_body.h"
#include "coffer/files/held_form.h"
#include "coffer/format/directory_names.h"

namespace coffer {

class Body;

// Thread-safe.
class OpenDirectory {
 public:
  static constexpr bool kInPlace = false;
  static constexpr bool kMayBeShort = false;

  // kTruncated, kDamaged for a file of another size; kTampered.
  static Result<OpenDirectory> open(const OpenedFile& opened, std::shared_ptr<const ReadableFile> file,
                                    uint64_t physical_size);

  // Calls `use` with the DirectoryKey, as KeyHolder::with_key().
  template <class Use>
  Status with_key(const Use& use) const {
    return held_->with_form(use);
  }

  uint64_t logical_size() const { return 0; }
  bool size_is_final() const { return true; }
  uint64_t readable(uint64_t, uint64_t) const { return 0; }
  BlocksOpener::Range range(uint64_t, uint64_t) const { return {kEnvelopeSize, 0}; }
  Status open(uint64_t, uint64_t, MutableBytes, uint8_t*) const { return Status::ok(); }
  Status usable() const { return held_->usable(); }
  bool authenticated() const { return true; }
  Status prove(const ReadableFile&, const OpenedFile&) const { return Status::ok(); }
  using Proof = BlocksProof;

 private:
  using Held = HeldForm<DirectoryKey>;
  explicit OpenDirectory(std::unique_ptr<Held> held) : held_(std::move(held)) {}

  std::unique_ptr<Held> held_;
};

// All bytes of a new directory's file.
Result<Bytes> new_directory_file(const NewFile& header, const LinksKey& links);

const Body& directory_body();

}  // namespace coffer
