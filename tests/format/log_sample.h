// A `log` file under construction in memory, and its reading: what the tests of the log share.
#pragma once

#include <atomic>
#include <functional>

#include "coffer/files/log_reader.h"
#include "format/sample.h"

namespace coffer {

// A file that a test may change while it is read, and whose reads it may watch or fail.
class ChangingFile : public ReadableFile {
 public:
  explicit ChangingFile(Bytes contents = {}) : bytes(std::move(contents)) {}

  Result<size_t> read_at(uint64_t offset, MutableBytes out) const override {
    int number = ++reads;
    if (before_read) COFFER_TRY(before_read(number));
    if (offset >= bytes.size()) return size_t{0};
    size_t count = std::min<size_t>(out.size(), bytes.size() - offset);
    std::copy_n(bytes.begin() + static_cast<ptrdiff_t>(offset), count, out.begin());
    return count;
  }
  Result<uint64_t> size() const override { return bytes.size(); }
  Result<FileInfo> info() const override { return FileInfo{.size = bytes.size()}; }

  mutable Bytes bytes;
  mutable std::atomic<int> reads = 0;
  std::function<Status(int)> before_read;  // with the number of the read, from 1
};

struct LogContents {
  Bytes plaintext;
  LogEnd end;
};

inline Result<LogContents> read_log_body(const FileKey& file_key, const LogParams& params, Bytes file) {
  COFFER_ASSIGN(LogReader reader, LogReader::create(std::make_shared<ChangingFile>(std::move(file)), file_key, params));
  LogContents out;
  for (;;) {
    COFFER_ASSIGN(ByteView frame, reader.next());
    if (frame.empty()) break;
    out.plaintext.insert(out.plaintext.end(), frame.begin(), frame.end());
  }
  out.end = reader.end();
  EXPECT_EQ(out.end.logical_size, out.plaintext.size());
  return out;
}
inline Result<LogContents> read_log(const Sample& sample, Bytes file) {
  return read_log_body(sample.file_key, sample.log_params(), std::move(file));
}

// The file as a careful writer makes it: frames say how far it was synced.
class LogFile {
 public:
  // Where a session header or frame ends, and how much plaintext there is then.
  struct Boundary {
    size_t physical;
    size_t logical;
    bool closed;
  };

  explicit LogFile(Suite suite = Suite::kAes256Gcm) : sample(Kind::kLog, suite) {
    bytes = sample.envelope();
    mark(false);
    begin({0, kEnvelopeSize, 0});
  }

  void append(ByteView data) {
    Buffer out;
    EXPECT_TRUE(sealer_->append(data, durable, out));
    plaintext.insert(plaintext.end(), data.begin(), data.end());
    add(out, false);
  }
  void append(size_t size) { append(pattern(size, plaintext.size() + 1)); }
  void sync() { durable = bytes.size(); }
  void close() {
    Buffer out;
    EXPECT_TRUE(sealer_->close(durable, out));
    add(out, true);
  }
  // Cuts where the log ends, syncs, begins a new session.
  void reopen() {
    LogEnd end = read_log(sample, bytes)->end;
    bytes.resize(end.append.offset);
    plaintext.resize(end.logical_size);
    sync();
    begin(end.append);
  }

  const Boundary& last() const { return boundaries.back(); }
  // The last boundary at or before an offset.
  Boundary boundary_before(size_t offset) const {
    Boundary found = boundaries.front();
    for (const Boundary& boundary : boundaries) {
      if (boundary.physical <= offset) found = boundary;
    }
    return found;
  }

  Sample sample;
  Bytes bytes;
  Bytes plaintext;
  size_t durable = 0;  // what a sync has covered
  std::vector<Boundary> boundaries;

 private:
  void begin(const LogPosition& at) { sealer_ = LogSealer::create(sample.file_key, sample.log_params(), at).value(); }
  void mark(bool closed) { boundaries.push_back({bytes.size(), plaintext.size(), closed}); }
  // The header of a session is a unit of its own.
  void add(const Buffer& out, bool closed) {
    ByteView rest = out.view();
    if (rest.size() > kLogSessionHeaderSize && as_text(rest.first(4)) == "CFLS") {
      bytes.insert(bytes.end(), rest.begin(), rest.begin() + kLogSessionHeaderSize);
      boundaries.push_back({bytes.size(), boundaries.back().logical, false});
      rest = rest.subspan(kLogSessionHeaderSize);
    }
    bytes.insert(bytes.end(), rest.begin(), rest.end());
    if (!rest.empty()) mark(closed);
    EXPECT_EQ(bytes.size(), sealer_->offset());
    EXPECT_EQ(plaintext.size(), sealer_->logical_size());
  }

  std::optional<LogSealer> sealer_;
};

inline bool is_prefix(const Bytes& part, const Bytes& whole) {
  return part.size() <= whole.size() && std::equal(part.begin(), part.end(), whole.begin());
}

}  // namespace coffer
