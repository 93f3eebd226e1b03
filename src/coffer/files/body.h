// What the kinds of body have in common: one object of this interface for each kind, and the list of them. Whoever
// handles a file asks body_of() and never what kind it is. docs/architecture.md, "How to add … a format".
#pragma once

#include <optional>
#include <variant>

#include "coffer/files/blocks_body.h"
#include "coffer/files/ctr_body.h"
#include "coffer/files/directory_body.h"
#include "coffer/files/engine_role.h"
#include "coffer/files/file_head.h"
#include "coffer/files/file_writer.h"
#include "coffer/files/log_body.h"
#include "coffer/files/pages_body.h"
#include "coffer/files/sqlite_body.h"

namespace coffer {

// An open body, to be visited. Most kinds say of every range of plaintext which sealed bytes cover it, and open those;
// engines read them by their own means. They have what OpenBlocks has:
//   kInPlace         sealed bytes are as long as their plaintext and may be opened where they are
//   kMayBeShort      a range may end early, with the file: nothing had proved its size
//   logical_size()   when it was opened
//   size_is_final()  whether it is that for ever
//   readable(offset, size)   how much of that range there is to ask for
//   range(offset, size), open(offset, size, sealed, out)   as BlocksOpener's
//   authenticated(), prove(file, opened)   whether reading all of it proves it, and what that takes besides
//   Proof            the same of sealed bytes as they are read, from the first to the last
// Logs, pages and SQLite's files cannot say that, and read for themselves.
using OpenBody = std::variant<OpenBlocks, OpenCtr, OpenLog, OpenPages, OpenSqlite, OpenDirectory>;

// A finished or interrupted file, to be written further.
struct ReopenedFile {
  std::unique_ptr<FileWriter> writer;
  // Where the engine has to cut the file before it hands it over, even if it is that long.
  std::optional<uint64_t> cut_at;
};

// Errors do not name the file: the caller adds its path. REQUIRES throughout: the fields are of this kind.
class Body {
 public:
  virtual ~Body() = default;

  // The size of the plaintext as the header and the file itself tell it in clear, without a key: for listings. Nothing
  // proves it before the file is opened and its end was read. kTruncated for a size that no file of this kind has.
  virtual Result<uint64_t> measure(const EnvelopeFields& fields, std::shared_ptr<const ReadableFile> file,
                                   uint64_t physical_size) const = 0;
  // Whether each read of an open body proves that what it was given is what was written there, so that zeros in its
  // place are noticed. Only such a body is read from a mapping by itself (docs/adr/0018).
  virtual bool proves_each_read() const = 0;
  // A new file, whose header goes out with its first data.
  virtual Result<std::unique_ptr<FileWriter>> create(std::shared_ptr<Coffer> coffer, NewFile file,
                                                     EngineRole role) const = 0;
  virtual Result<ReopenedFile> reopen(OpenedFile opened, std::shared_ptr<const ReadableFile> file,
                                      uint64_t physical_size, EngineRole role) const = 0;
  // For reading. What can be proved of its end without reading all of it has been: size, commitment, clean close.
  virtual Result<OpenBody> open(const OpenedFile& opened, std::shared_ptr<const ReadableFile> file,
                                uint64_t physical_size, EngineRole role) const = 0;
};

// Of a kind whose files are not written from front to back, so that no FileWriter makes one anew or writes it further.
class ReadOnlyBody : public Body {
 public:
  // `why` that is so. It outlives this.
  explicit ReadOnlyBody(const char* why) : why_(why) {}

  bool proves_each_read() const final { return true; }
  Result<std::unique_ptr<FileWriter>> create(std::shared_ptr<Coffer>, NewFile, EngineRole) const final {
    return refusal();
  }
  Result<ReopenedFile> reopen(OpenedFile, std::shared_ptr<const ReadableFile>, uint64_t, EngineRole) const final {
    return refusal();
  }

 private:
  Status refusal() const { return {Code::kUnsupported, why_}; }

  const char* const why_;
};

const Body& body_of(Kind kind);

// The size of the plaintext, for listings: Body::measure(), zero for a file that was never written, and its own size
// for plaintext. `physical_size` is the file's.
Result<uint64_t> shown_size(const FileHead& head, std::shared_ptr<const ReadableFile> file, uint64_t physical_size);

}  // namespace coffer
