// What is searched for: secrets, in every form in which they may have been written down.
#pragma once

#include "coffer/ops/pattern_search.h"

namespace coffer {

enum class SoughtKind : uint8_t { kCanary, kRootKey, kKeyringKey, kAuditKey, kShardKey, kDomainKey, kFileKey };

// Says which secret it is; nothing of the secret itself.
struct Sought {
  SoughtKind kind = SoughtKind::kCanary;
  std::string name = {};  // of the root, the domain or the file; "line 3" of the canaries
  uint32_t version = 0;   // of a domain key
  Id id = {};             // of a domain key
  size_t size = 0;
};

// How it was written where it was found.
enum class SoughtForm : uint8_t {
  kAsIs,
  kWordsTurned,  // each four bytes back to front, as ciphers in software keep keys
  kHex,
  kBase64,
};

class SoughtSecrets {
 public:
  // A key is found by any 16 bytes of it, from a multiple of 16 on or its last: half a key is as bad as a whole one,
  // and the first round keys of AES are these halves. REQUIRES: 16 bytes or more.
  void add_key(Sought what, ByteView key);
  // Whole. REQUIRES: PatternSearch::kPatternSizeMin bytes or more.
  void add_canary(Sought what, ByteView canary);

  Status prepare() { return search_.prepare(); }
  const std::vector<Sought>& all() const { return all_; }
  const PatternSearch& search() const { return search_; }

  // Of a tag that search() finds.
  struct Tag {
    size_t secret = 0;  // in all()
    SoughtForm form = SoughtForm::kAsIs;
  };
  static Tag tag_of(uint32_t tag) { return {tag / 4, static_cast<SoughtForm>(tag % 4)}; }
  // How many bytes the whole secret takes in that form.
  size_t size_in(const Tag& tag) const;

 private:
  void add_text(size_t secret, ByteView piece);
  void add(size_t secret, SoughtForm form, ByteView pattern) {
    search_.add(pattern, static_cast<uint32_t>(secret * 4 + static_cast<size_t>(form)));
  }

  std::vector<Sought> all_;
  PatternSearch search_;
};

}  // namespace coffer
