// Crashes: whatever subset of the unsynced bytes a power failure leaves, a log is read back as a prefix of what was
// appended that includes everything synced, and can be continued (L8).
#include <gtest/gtest.h>

#include <random>

#include "format/log_sample.h"
#include "support/memory_disk.h"
#include "support/seed.h"

namespace coffer {
namespace {

constexpr const char* kPath = "/log";

// The writer of a log on a disk that may lose power, and what it could rely on.
class CrashingLog {
 public:
  explicit CrashingLog(uint64_t seed) : random_(seed) {
    disk_ = std::make_unique<MemoryDisk>();
    file_ = disk_->create(kPath, 0600).value();
    EXPECT_TRUE(file_->write_at(0, sample_.envelope()));
    EXPECT_TRUE(file_->sync());
    EXPECT_TRUE(disk_->sync_directory("/"));
    begin({0, kEnvelopeSize, 0});
  }

  // Appends, syncs and sometimes closes.
  void write_for_a_while() {
    for (uint64_t steps = below(12); steps > 0; --steps) {
      if (below(8) == 0) preallocate();
      append(1 + below(below(4) == 0 ? 3000 : 200));
      if (below(3) == 0) sync();
    }
    if (below(4) == 0) {
      write([&](Buffer& out) { return sealer_->close(durable_, out); });
      if (below(2) == 0) sync();
    }
  }

  // Old bytes stay under the new ones: a new file id and key, the slots synced before anything else is written. False
  // if the power is to go before that.
  bool recycle() {
    old_sample_ = std::exchange(sample_, Sample(Kind::kLog));
    old_plaintext_ = std::exchange(appended_, Bytes());
    Bytes beginning(kLogSessionHeaderSize);
    beginning.resize(file_->read_at(kEnvelopeSize, beginning).value());
    sample_.fields.earlier_body = earlier_body_of(beginning).value();
    EXPECT_TRUE(file_->write_at(0, sample_.envelope()));
    synced_ = 0;
    if (below(3) == 0) return false;
    EXPECT_TRUE(file_->sync());
    old_sample_.reset();
    begin({0, kEnvelopeSize, 0});
    return true;
  }

  // Loses power, and checks what is left of the log.
  void crash() {
    auto kind = static_cast<CrashKind>(below(3));
    disk_ = disk_->crash_image(kind, random_());
    file_ = disk_->open_write(kPath).value();
    Bytes bytes = read_file(*disk_, kPath, size_t{1} << 24).value();
    EnvelopeScan scan = scan_envelope(bytes).value();
    if (old_sample_ && scan.fields.file_id == old_sample_->fields.file_id) {
      sample_ = std::move(*old_sample_);
      appended_ = old_plaintext_;
      synced_ = appended_.size();
    }
    old_sample_.reset();
    Result<LogContents> contents = read_log(sample_, bytes);
    ASSERT_TRUE(contents.is_ok()) << contents.status().to_string();
    ASSERT_GE(contents->plaintext.size(), synced_) << "lost what was synced";
    ASSERT_TRUE(is_prefix(contents->plaintext, appended_)) << "read what was not appended";
    expect_damage_below_the_watermark(bytes);
    appended_ = contents->plaintext;
    end_ = contents->end;
  }

  void reopen() {
    EXPECT_TRUE(file_->truncate(end_.append.offset));
    EXPECT_TRUE(file_->sync());
    synced_ = appended_.size();
    begin(end_.append);
  }

  uint64_t below(uint64_t limit) { return random_() % limit; }

 private:
  void begin(const LogPosition& at) {
    sealer_ = LogSealer::create(sample_.file_key, sample_.log_params(), at).value();
    durable_ = at.offset;
  }

  void append(size_t size) {
    Bytes data = pattern(size, random_());
    write([&](Buffer& out) { return sealer_->append(data, durable_, out); });
    appended_.insert(appended_.end(), data.begin(), data.end());
  }

  template <class Seal>
  void write(const Seal& seal) {
    Buffer out;
    ASSERT_TRUE(seal(out));
    ASSERT_TRUE(file_->write_at(sealer_->offset() - out.size(), out.view()));
  }

  // Zeros ahead of the writer.
  void preallocate() {
    uint64_t size = std::max(file_->size().value(), sealer_->offset());
    ASSERT_TRUE(file_->truncate(size + below(2000)));
  }

  void sync() {
    ASSERT_TRUE(file_->sync());
    durable_ = sealer_->offset();
    synced_ = appended_.size();
  }

  void expect_damage_below_the_watermark(const Bytes& bytes) {
    LogOpener opener = LogOpener::create(sample_.file_key, sample_.log_params()).value();
    Bytes window = bytes;
    for (;;) {
      auto step = opener.step(MutableBytes(window).subspan(opener.position()), true);
      if (step->found == LogStep::Found::kEnd || step->found == LogStep::Found::kBadPlace) break;
    }
    if (opener.durable_upto() <= kEnvelopeSize) return;
    Bytes damaged = bytes;
    damaged[kEnvelopeSize + below(opener.durable_upto() - kEnvelopeSize)] ^= static_cast<uint8_t>(1 + below(255));
    ASSERT_EQ(read_log(sample_, damaged).code(), Code::kDamaged);
  }

  std::mt19937_64 random_;
  Sample sample_{Kind::kLog};
  std::optional<Sample> old_sample_;  // of the file that is being recycled
  Bytes old_plaintext_;
  std::unique_ptr<MemoryDisk> disk_;
  std::unique_ptr<WritableFile> file_;
  std::optional<LogSealer> sealer_;
  uint64_t durable_ = 0;  // physical: what the sealer is told
  Bytes appended_;        // since the file began
  uint64_t synced_ = 0;   // logical: what must not be lost
  LogEnd end_;
};

TEST(LogCrash, NothingSyncedIsLostAndNothingElseIsRead) {
  for (uint64_t seed : seeds(1500)) {
    SCOPED_TRACE("COFFER_SEED=" + std::to_string(seed));
    CrashingLog log(seed);
    for (uint64_t lives = 1 + log.below(4); lives > 0 && !testing::Test::HasFatalFailure(); --lives) {
      log.write_for_a_while();
      log.crash();
      log.reopen();
    }
    if (testing::Test::HasFailure()) break;
  }
}

TEST(LogCrash, ARecycledLogIsItsOldSelfOrItsNewOne) {
  for (uint64_t seed : seeds(1500)) {
    SCOPED_TRACE("COFFER_SEED=" + std::to_string(seed));
    CrashingLog log(seed);
    log.write_for_a_while();
    log.crash();
    log.reopen();
    log.write_for_a_while();
    log.crash();  // so that all of it is on the disk
    for (uint64_t lives = 1 + log.below(3); lives > 0; --lives) {
      if (log.recycle()) log.write_for_a_while();
      log.crash();
    }
    if (testing::Test::HasFailure()) break;
  }
}

// Space that was allocated but never written reads as zeros.
TEST(LogCrash, EveryPrefixFollowedByZerosIsReadUpToItsLastWholeFrame) {
  LogFile log;
  for (size_t size : {40u, 700u, 1u, 300u}) {
    log.append(size);
    log.sync();
  }
  log.close();
  for (size_t cut = kEnvelopeSize; cut < log.bytes.size(); ++cut) {
    // The first header stands in one sector.
    if (cut > kEnvelopeSize && cut < kEnvelopeSize + kLogSessionHeaderSize) continue;
    Bytes bytes = log.bytes;
    std::fill(bytes.begin() + static_cast<ptrdiff_t>(cut), bytes.end(), uint8_t{0});
    bytes.resize(bytes.size() + 600);
    Result<LogContents> contents = read_log(log.sample, bytes);
    ASSERT_TRUE(contents.is_ok()) << contents.status().to_string();
    LogFile::Boundary end = log.boundary_before(cut);
    // A unit whose last bytes are zeros is whole even if they were never written.
    ASSERT_GE(contents->plaintext.size(), end.logical);
    ASSERT_TRUE(is_prefix(contents->plaintext, log.plaintext));
    ASSERT_GT(contents->end.torn_bytes, 0u);
  }
}

}  // namespace
}  // namespace coffer
