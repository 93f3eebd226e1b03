// What stands in the files of a mounted directory: the one place that knows that it is encrypted, and as what kind.
// Everything else of a mount is names, owners and times, which are the backing directory's own.
#pragma once

#include <sys/stat.h>

#include <functional>
#include <string>

#include "coffer/base/bytes.h"
#include "coffer/io/descriptor.h"
#include "coffer/store/counted_files.h"

namespace coffer::fusefs {

class Counting;
class SealedNames;

// An open file; thread-safe. Offsets and sizes are of the plaintext.
class FileBody {
 public:
  virtual ~FileBody() = default;
  // Fewer than out.size() only at the end of the file.
  virtual Result<size_t> read(uint64_t offset, MutableBytes out) = 0;
  virtual Status write(uint64_t offset, ByteView data) = 0;
  // At the end, wherever that is when it is its turn.
  virtual Status append(ByteView data) = 0;
  virtual Status truncate(uint64_t size) = 0;
  // Zeros from now on; the size stays.
  virtual Status punch_hole(uint64_t offset, uint64_t size) = 0;
  // The disk has room for a file of this size, which is at most its own. kUnsupported where that cannot be had.
  virtual Status reserve(uint64_t size) = 0;
  // Where the next data, or the next hole, from `offset` on begins: lseek(2). The size where there is none.
  // REQUIRES: offset < size()
  virtual Result<uint64_t> seek_data(uint64_t offset) = 0;
  virtual Result<uint64_t> seek_hole(uint64_t offset) = 0;
  // fsync; without `full` fdatasync.
  virtual Status sync(bool full) = 0;
  // What was written is durable as far as a sync would not end the file: one of kind blocks that is being written takes
  // more afterwards.
  virtual Status settle() = 0;
  virtual Status close() = 0;
  virtual uint64_t size() const = 0;
};

// A file that is about to be made: whatever its body needs besides a file is there.
class NewBody {
 public:
  virtual ~NewBody() = default;
  // `file`: new and empty, open for reading and writing.
  virtual Result<std::unique_ptr<FileBody>> begin(Descriptor file) = 0;
};

// What a file is opened for. kCutting: to be written, and cut to nothing first.
enum class Opening { kReading, kWriting, kCutting };

// Thread-safe. Paths are those of the backing directory, absolute; errors name them.
class Contents {
 public:
  virtual ~Contents() = default;

  virtual Result<std::unique_ptr<NewBody>> prepare(const std::string& path) = 0;
  // `found`: what it counted as.
  virtual Result<std::unique_ptr<FileBody>> open(Descriptor file, const std::string& path, Opening opening,
                                                 FileClass* found) = 0;
  // Of a file that is not open, as it tells it itself: `file` is open for reading.
  virtual Result<uint64_t> shown_size(Descriptor file, const std::string& path, uint64_t physical_size) = 0;

  // Nothing below is changed.
  virtual bool is_read_only() const = 0;
  // Null where names are in clear.
  virtual SealedNames* names() const = 0;
  // Where what comes, changes and goes is counted. Null: nowhere.
  virtual Counting* counting() = 0;
  // Whether files may be at some paths and not at others: then let_in() has to be asked.
  virtual bool paths_matter() const = 0;
  // What is at `from`, and all below it, is about to be at `to` as well, or instead.
  virtual Status let_in(const std::string& from, const std::string& to) = 0;
  // Renames a directory by `rename`, which says whether it did.
  virtual Status move_directory(const std::string& from, const std::string& to,
                                const std::function<bool()>& rename) = 0;
  virtual Status removed_directory(const std::string& path) = 0;

  // Asked a few times each second. Whether keys were taken back since: what was read with them must go.
  virtual bool were_keys_taken() = 0;
  // A line for the log, if there is something to tell; else empty.
  virtual std::string news() = 0;
};

}  // namespace coffer::fusefs
