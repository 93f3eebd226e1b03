// Reads a whole Coffer file front to back, whatever its kind, releasing only authenticated plaintext. For tools: cat
// and verify. Engines read through their own adapters.
#pragma once

#include "coffer/files/engine_role.h"
#include "coffer/store/coffer.h"

namespace coffer {

struct FileReaderOptions {
  // A ctr body that was never closed has no MAC: reading it needs this consent.
  bool allow_unauthenticated = false;
  // What the file is to its engine: some are never empty.
  EngineRole role = EngineRole::kOther;
};

// What a complete read has shown, besides the plaintext.
struct FileFindings {
  uint64_t logical_size = 0;
  bool closed = true;          // log: ends with a clean close; ctr: its MAC is there
  uint64_t torn_bytes = 0;     // log: bytes after the end of what was durably written
  bool authenticated = true;   // false only for a ctr body without MAC
  bool never_written = false;  // there is neither header nor body
  bool damaged_slot = false;   // one envelope slot is unreadable; rewrap heals it
};

// What is wrong with a file that was read whole, if it was finished once: an engine finishes data files and those it
// writes whole before it relies upon them. `path` is for messages.
Status check_finished(const FileFindings& findings, Kind kind, EngineRole role, const std::string& path);

// Not thread-safe.
class FileReader {
 public:
  virtual ~FileReader() = default;

  // Errors as Coffer::open_file(), each naming `path`. A file that never was written opens and is empty, where its
  // engine or a crash may leave it so; else it is kTruncated.
  static Result<std::unique_ptr<FileReader>> open(Coffer& coffer, const std::string& path,
                                                  const FileReaderOptions& options = {});

  // The same of a body that was unlocked already, wherever its bytes are: `file` has them behind an envelope that is
  // not read, `scan` is that envelope. `name` is for messages.
  static Result<std::unique_ptr<FileReader>> open_unlocked(std::shared_ptr<const ReadableFile> file,
                                                           const EnvelopeScan& scan, const OpenedFile& opened,
                                                           const std::string& name,
                                                           const FileReaderOptions& options = {});

  // The next piece of plaintext, valid until the next call; empty at the end.
  virtual Result<ByteView> next() = 0;
  // Complete once next() has returned the empty piece.
  const FileFindings& findings() const { return findings_; }
  const EnvelopeFields& fields() const { return fields_; }

 protected:
  FileFindings findings_;
  EnvelopeFields fields_;
};

}  // namespace coffer
