// Taking files that a node of another coffer sent, as a new store of this one. docs/streaming.md; docs/format.md,
// "Streams".
#pragma once

#include "coffer/ops/send.h"

namespace coffer {

// Fills all of it; fewer bytes only at the end of the stream.
using StreamSource = std::function<Result<size_t>(MutableBytes)>;
// Says whether files are taken of who sent the stream, by both of the head's keys, `sender`, which is proved when this
// is asked, and `signer`, which is right after; else why not, and nothing has been written.
using TrustSender = std::function<Status(const FileStreamHead&)>;

struct ReceiveOptions {
  TrustSender trusts;
  // Whose keys protect the files from now on; empty: that of coffer.yaml for their paths.
  std::string domain = {};
  StreamProgress progress = {};
};

// Makes `directory`, which is not there or empty, with all of the stream's files under headers of this coffer's: at
// once at the end, when all of it is durable. Until then it grows as arrival_of(directory), which stays where this
// fails, and is gone on with by a stream that leaves out what had_files() tells. kAlreadyExists where it is not empty;
// what `trusts` says; kForeign, kWrongKey, kTampered, kPlaintext, kUnsupported, kTruncated as format/file_stream.h has
// them, at once or when a chunk is not authentic; kConflict for a stream that leaves out what is not here; kBusy where
// another stream arrives there; of keys as Coffer::new_file(); kNoSpace and the disk's.
Result<StreamCounts> receive_files(Coffer& coffer, const std::string& directory, const FileStreamNode& receiver,
                                   const ReceiveOptions& options, const StreamSource& source);

// What envelope_for() made elsewhere, for a database that streams by itself.
struct TakenOver {
  NewFile file;            // its header, to be written at offset 0, and its key
  uint64_t body_size = 0;  // bytes behind the header, to be written as they come
};
// For a file that is about to be made at `place`. Errors as receive_files(); nothing is written.
Result<TakenOver> take_over_envelope(Coffer& coffer, ByteView envelope, const FileStreamNode& receiver,
                                     const TrustSender& trusts, const NewPlace& place);

}  // namespace coffer
