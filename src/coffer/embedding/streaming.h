// For a database that streams its files to other nodes by itself: of each file the key, wrapped for the receiver; the
// bytes are its own business. docs/streaming.md. All of it may be called from any thread; no exception leaves it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "coffer/base/status.h"

namespace coffer {

class Coffer;         // embedding/coffer.h
class StreamingNode;  // this node, with its private keys

// kNotFound: it has none (`coffer node new`). Asks the key provider of the root that seals them, if they have one of
// their own.
Result<std::shared_ptr<StreamingNode>> open_streaming_node(const Coffer& coffer) noexcept;

// What the node `to`, a peer of coffer.yaml or a node of the coffer, makes a header of: some 1 KiB, for it alone. The
// file is complete and at its place. Its first 8192 bytes stay here; the others go as they are, by the database's own
// means, whose errors only the file's own tags find. Errors: kNotFound; kPlaintext, kDamaged, kForeign and others where
// this coffer does not open the file; kUnsupported for a ctr file that was not closed; kKeyUnavailable for one that a
// compromised key ever protected.
Result<std::string> stream_envelope(Coffer& coffer, const StreamingNode& by, const std::string& path,
                                    const std::string& to) noexcept;

struct StreamedHeader {
  std::string header;      // 8192 bytes, to be written at offset 0 and synced before the file is relied upon
  uint64_t body_size = 0;  // bytes that stand behind it
  std::string from;        // the node's name: as coffer.yaml or the keyring has it
};
// The other side. The header is for a file at `path`, and good there only; its key is wrapped for `domain`. Errors:
// kPermissionDenied for the envelope of a node that is neither a peer nor the coffer's; kForeign for one that is for
// another node; kWrongKey, kTampered, kTruncated; of the domain kNotFound, kKeyUnavailable.
Result<StreamedHeader> take_stream_envelope(Coffer& coffer, const StreamingNode& node, const std::string& envelope,
                                            const std::string& path, const std::string& domain = "system") noexcept;

}  // namespace coffer
