// What stands at a file's head: nothing, somebody else's bytes, a header that cannot be read, or one of Coffer's.
// Decided here and nowhere else. docs/format.md, "Envelope".
#pragma once

#include <string>

#include "coffer/format/envelope.h"
#include "coffer/io/disk.h"

namespace coffer {

struct FileHead {
  enum class What : uint8_t {
    kNothing,     // what a crash leaves of a file that never was synced: no bytes, zeros, or the beginning of a header
    kPlaintext,   // bytes that are none of Coffer's
    kUnreadable,  // a header of Coffer's that is damaged, gone over a body that is not, or of a newer Coffer
    kCoffer,      // `scan` has it. Nothing of it is authenticated: Coffer::open_file() does that.
  };
  What what = What::kNothing;
  EnvelopeScan scan;
  Status refusal;  // of kPlaintext and kUnreadable; names the path

  bool is(What wanted) const { return what == wanted; }
};

// `start`: the file's first kEnvelopeSize bytes, or all if it is shorter. `path` is for messages. A header of zeros is
// kNothing here, whatever stands behind it.
FileHead look_at_head(ByteView start, const std::string& path);
// The same, but a header of zeros is kNothing only if nothing stands behind it. Fails only as reading `file` does.
Result<FileHead> judge_head(ByteView start, const ReadableFile& file, const std::string& path);
// The same of an open file.
Result<FileHead> read_head(const ReadableFile& file, const std::string& path);

}  // namespace coffer
