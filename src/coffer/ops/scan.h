// Scan: whether plaintext or key material lies where it must not: in stores, logs, core files, swap. Every byte of what
// may be read is searched. docs/operating.md, "Look for plaintext and keys".
#pragma once

#include <optional>

#include "coffer/io/disk.h"
#include "coffer/ops/sought.h"

namespace coffer {

struct ScanHit {
  std::string path;
  SoughtSecrets::Tag what;
  uint64_t offset = 0;  // of the first
  uint64_t count = 0;
};

struct ScanReport {
  uint64_t files = 0;
  uint64_t bytes = 0;
  uint64_t links = 0;    // symbolic links: not followed
  uint64_t special = 0;  // FIFOs, sockets, devices that nobody named: not read
  std::vector<ScanHit> hits;
  std::vector<std::pair<std::string, Status>> unread;  // not, or not to their end
};

struct ScanOptions {
  // A file that is not searched: the one with the canaries, say.
  std::optional<FileInfo> except = {};
  // Called now and then.
  std::function<void(const ScanReport& so_far)> progress = {};
};

// Searches files, and all below directories, a file with several names once. Symbolic links are followed where they are
// among `paths` only, and so are block devices read. What vanishes meanwhile is passed over; what cannot be read is in
// the report, and the rest is searched. `sought` is prepared.
ScanReport scan(const SoughtSecrets& sought, const std::vector<std::string>& paths, const ScanOptions& options);

}  // namespace coffer
