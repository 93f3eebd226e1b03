// `log` files: grow by appends, may end torn, are read front to back. docs/format.md, "log".
#pragma once

#include <mutex>

#include "coffer/files/held_form.h"
#include "coffer/files/log_reader.h"

namespace coffer {

class Body;

// For reading at any place; thread-safe. Logs are read front to back, often while they grow; that costs one pass.
// Whoever jumps back pays for an index.
class OpenLog {
 public:
  static Result<OpenLog> open(const OpenedFile& opened, std::shared_ptr<const ReadableFile> file);
  OpenLog(OpenLog&&) noexcept;
  OpenLog& operator=(OpenLog&&) noexcept;
  ~OpenLog();

  // Fills `out`; fewer bytes only at the log's present end. An error never looks like the end.
  Result<size_t> read(uint64_t offset, MutableBytes out);
  // Of the plaintext at this moment, authenticated.
  Result<uint64_t> logical_size() const;
  // kTruncated unless the log ends with a clean close.
  Status check_clean_end() const;

  Status usable() const;
  // For one who reads it front to back alone, and does not go on once keys were taken back.
  LogReader take_reader() &&;

 private:
  class State;

  explicit OpenLog(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

const Body& log_body();

}  // namespace coffer
