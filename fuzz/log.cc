// A log, damaged in any way, is read as a prefix of what was appended, or it is an error.
#include "coffer/base/crc32c.h"
#include "coffer/files/log_reader.h"
#include "coffer/format/envelope.h"
#include "format/known_salt.h"
#include "fuzz/input.h"

namespace coffer {
namespace {

class MemoryFile : public ReadableFile {
 public:
  explicit MemoryFile(Bytes bytes) : bytes_(std::move(bytes)) {}
  Result<size_t> read_at(uint64_t offset, MutableBytes out) const override {
    if (offset >= bytes_.size()) return size_t{0};
    size_t count = std::min<size_t>(out.size(), bytes_.size() - offset);
    std::copy_n(bytes_.begin() + static_cast<ptrdiff_t>(offset), count, out.begin());
    return count;
  }
  Result<uint64_t> size() const override { return bytes_.size(); }
  Result<FileInfo> info() const override { return FileInfo{.size = bytes_.size()}; }

 private:
  Bytes bytes_;
};

struct Log {
  FileKey key = fuzz_key<FileKey>(32, 1);
  LogParams params;
  Bytes file = Bytes(kEnvelopeSize);
  Bytes plaintext;
  uint64_t durable = 0;

  // Sessions of appends and syncs, as the input says.
  void write(FuzzInput& input) {
    for (uint64_t session = 0, count = 1 + input.below(3); session < count; ++session) {
      LogPosition at{session, file.size(), plaintext.size()};
      auto sealer = KnownSalt::log_sealer(key, params, at, Bytes(32, static_cast<uint8_t>(session))).value();
      if (session > 0) durable = file.size();
      Buffer out;
      for (uint64_t appends = input.below(5); appends > 0; --appends) {
        Bytes data(input.below(300), static_cast<uint8_t>(plaintext.size() * 31 + appends));
        fuzz_check(sealer.append(data, durable, out).is_ok(), "appends");
        plaintext.insert(plaintext.end(), data.begin(), data.end());
        if (input.flag()) durable = sealer.offset();
      }
      if (input.flag() || session + 1 < count) fuzz_check(sealer.close(durable, out).is_ok(), "closes");
      file.insert(file.end(), out.view().begin(), out.view().end());
    }
  }

  // Lets the frame or header at `at`, whatever it is by now, have a good checksum.
  void fix_checksum(size_t at) {
    if (at + kLogFrameOverhead > file.size()) return;
    uint32_t crc = crc32c(params.file_id.bytes);
    if (load_le32(&file[at]) == 0x534c4643) {
      if (at + kLogSessionHeaderSize <= file.size()) store_le32(&file[at + 4], crc32c_extend(crc, {&file[at + 8], 88}));
      return;
    }
    size_t size = (load_le32(&file[at]) & 0x1fffff) + kLogFrameOverhead;
    if (at + size > file.size()) return;
    uint8_t place[8];
    store_le64(place, at);
    crc = crc32c_extend(crc32c_extend(crc, place), {&file[at], 4});
    store_le32(&file[at + 4], crc32c_extend(crc, {&file[at + 8], size - 8}));
  }
};

// Reads in pieces; then by its index; then on where the log ends.
void read(Log& log, size_t piece) {
  auto file = std::make_shared<MemoryFile>(log.file);
  LogReader reader = LogReader::create(file, log.key, log.params).value();
  Bytes out, buffer(piece);
  for (;;) {
    Result<size_t> count = reader.read(buffer);
    if (!count.is_ok()) return;
    out.insert(out.end(), buffer.begin(), buffer.begin() + static_cast<ptrdiff_t>(*count));
    fuzz_check(out.size() <= log.plaintext.size(), "no more is read than was appended");
    fuzz_check(std::equal(out.begin(), out.end(), log.plaintext.begin()), "nothing is altered");
    if (*count < piece) break;
  }
  LogEnd end = reader.end();
  fuzz_check(end.logical_size == out.size(), "the size is what was read");
  fuzz_check(end.append.offset + end.torn_bytes == std::max(log.file.size(), kEnvelopeSize),
             "every byte is accounted for");
  if (reader.build_index().is_ok() && !out.empty()) {
    Bytes again(out.size());
    fuzz_check(reader.read_at(0, again).value() == out.size() && again == out, "the index reads the same");
  }
  fuzz_check(LogSealer::create(log.key, log.params, end.append).is_ok(), "a log that reads can be continued");
}

}  // namespace
}  // namespace coffer

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace coffer;
  FuzzInput input(data, size);
  Log log;
  size_t piece = 1 + input.below(1000);
  log.write(input);
  if (input.flag()) {
    ByteView rest = input.rest();
    size_t keep = kEnvelopeSize + (rest.empty() ? 0 : rest[0] * 4u);
    log.file.resize(std::min(keep, log.file.size()));
    log.file.insert(log.file.end(), rest.begin(), rest.end());
  } else {
    size_t fix = kEnvelopeSize + input.below(3000);
    bool fixes = input.flag();
    input.damage(log.file, kEnvelopeSize);
    if (fixes) log.fix_checksum(fix);
  }
  read(log, piece);
  return 0;
}
