// How large a file on the disk becomes by what is written here, for the counts of files (store/file_counts.h).
//
// Several processes write to one file, in turns: each tells by how much the file grew or shrank in its own, and the sum
// is what it has. So the size is asked for only where a write could make the file larger, and another process may have
// changed it since.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "coffer/store/coffer.h"

namespace coffer::sqlite {

// Of a file that is open. Not thread-safe, as SQLite's files are not.
class Growth {
 public:
  Growth() = default;
  // remove_counted() may come, by this thread.
  ~Growth();
  Growth(const Growth&) = delete;
  Growth& operator=(const Growth&) = delete;

  // From now on. `is_new`: it is empty, and has had no header.
  void begin(std::shared_ptr<Coffer> coffer, std::string path, const EnvelopeFields& header, bool is_new);

  // Another process may have made it larger since.
  void doubt() { is_exact_ = false; }
  // Or smaller.
  void forget() {
    is_exact_ = false;
    size_ = 0;
  }
  // Whether measured() has to come before it is written up to `end`.
  bool must_be_measured(uint64_t end) const { return listing_ != nullptr && !is_exact_ && end > size_; }
  void measured(uint64_t size) {
    size_ = size;
    is_exact_ = true;
  }
  // It was written up to `end`.
  void reached(uint64_t end) {
    if (end > size_) became(end);
  }
  // It has this size. REQUIRES: it was measured
  void became(uint64_t size);

 private:
  std::shared_ptr<Coffer> coffer_;
  std::string path_;
  std::unique_ptr<GrowingFile> listing_;  // null: it has no header yet
  bool is_new_ = false;
  uint64_t told_ = 0;                     // to that: grows and shrinks as the file does
  uint64_t size_ = 0;                     // it has so much at least
  bool is_exact_ = false;                 // and no more
};

// `remove` removes the file at `path`, and returns SQLite's code. It counts no more then.
int remove_counted(const std::string& path, const std::function<int()>& remove);
// What this thread has closed last will not be removed next.
void settle_closed();

}  // namespace coffer::sqlite
