// Sending files of a coffer's stores to a node of another coffer. Nothing is decrypted: bodies go as they lie, file
// keys are wrapped for the receiver. docs/streaming.md; docs/format.md, "Streams".
#pragma once

#include <functional>

#include "coffer/files/engine_records.h"
#include "coffer/ops/had_files.h"

namespace coffer {

struct StreamCounts {
  uint64_t files = 0;     // of the stream, empty ones too
  uint64_t bytes = 0;     // of bodies that went or came
  uint64_t left_out = 0;  // of bodies that the receiver had
  uint64_t to_do = 0;     // bytes of bodies, without those
};
// Called after each chunk, on the calling thread.
using StreamProgress = std::function<void(const StreamCounts&)>;

struct SendOptions {
  // Keeps engines out while files are read. Null: nobody does.
  const EngineRecords* records = nullptr;
  HadFiles had = {};
  StreamProgress progress = {};
};

// Where a stream goes. Not thread-safe.
class StreamSink {
 public:
  virtual ~StreamSink() = default;
  virtual Status write(ByteView bytes) = 0;
  // The same of bytes that stand at `offset` of the file at `path`, for who can pass them on without a copy. What is
  // there by then may be other bytes, which does no harm: the receiver finds them altered.
  virtual Status write_of_file(const std::string& /*path*/, uint64_t /*offset*/, ByteView bytes) {
    return write(bytes);
  }
};

// A directory given alone is sent as what is in it, anything else under its own name. Everything is looked at before
// the first byte goes: every file has to be genuine, at its place and at rest. The first that is not is the error, and
// names itself: kPlaintext, kDamaged and others as Coffer::open_file(); kBusy where an engine has it open; kUnsupported
// for a directory with encrypted names, a ctr file that nobody closed, a link that leads elsewhere; kKeyUnavailable for
// one that a compromised key ever protected. kConflict for one that changes meanwhile: then the stream has no end, and
// nobody takes it.
Result<StreamCounts> send_files(Coffer& coffer, const std::vector<std::string>& paths, const FileStreamNode& by,
                                const X25519Public& to, const SendOptions& options, StreamSink& sink);

// For a database that streams by itself: one file's envelope for the receiver, whose take_over_envelope() makes a
// header of it. The bytes behind the first kEnvelopeSize are the database's to bring as they are: the file is complete.
// Errors as send_files(), but for kBusy and kConflict.
Result<Bytes> envelope_for(Coffer& coffer, const std::string& path, const FileStreamNode& by, const X25519Public& to);

}  // namespace coffer
