// Shamir's secret sharing over GF(256), by libgfshare: any `threshold` shares give the key, fewer say nothing about it.
#pragma once

#include <vector>

#include "coffer/providers/recipient/shares.h"

namespace coffer::recipient {

// Tried before they are handed out. 2 ≤ threshold ≤ share_count ≤ 16, else kInvalidArgument.
Result<std::vector<Share>> split(const X25519Private& key, const X25519Public& recipient, int threshold,
                                 int share_count);

// Shares that come in one by one.
class ShareSet {
 public:
  // For shares of this recipient's key.
  ShareSet(const X25519Public& recipient, int threshold) : recipient_(recipient), threshold_(threshold) {}

  // kInvalidArgument for a mistyped share, one of another set, or one that is there already; nothing is added then.
  Status add(ByteView line);
  int missing() const;
  // kInvalidArgument when there are too few. Whether the key is the recipient's is not looked at.
  Result<X25519Private> combine() const;

 private:
  const X25519Public recipient_;
  const int threshold_;
  std::vector<Share> shares_;
};

}  // namespace coffer::recipient
