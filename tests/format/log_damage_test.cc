// What happens to a log on its medium, or at the hands of someone without its key: never altered data, and an error
// wherever something durable is missing.
#include <algorithm>

#include "coffer/base/codec.h"
#include "coffer/base/crc32c.h"
#include "format/log_sample.h"

namespace coffer {
namespace {

// Three sessions, synced often: enough that most of it is below the watermark.
LogFile make_log(bool closed = true) {
  LogFile log;
  log.append(10);
  log.sync();
  log.append(40);
  log.append(40);
  log.sync();
  log.close();
  log.reopen();
  log.append(33);
  log.reopen();
  log.append(1);
  log.sync();
  log.append(40);
  log.append(40);
  log.sync();
  if (closed) log.close();
  return log;
}

size_t watermark(const LogFile& log) {
  LogOpener opener = LogOpener::create(log.sample.file_key, log.sample.log_params()).value();
  Bytes window = log.bytes;
  while (opener.position() < log.bytes.size()) {
    EXPECT_TRUE(opener.step(MutableBytes(window).subspan(opener.position()), true).is_ok());
  }
  return opener.durable_upto();
}

TEST(LogDamage, EveryFlippedBitIsAnErrorOrATornTailBehindTheWatermark) {
  for (bool closed : {true, false}) {
    const LogFile log = make_log(closed);
    const size_t durable = watermark(log);
    EXPECT_EQ(durable, closed ? log.bytes.size() - 32 : log.boundaries[log.boundaries.size() - 3].physical);
    for (size_t bit = kEnvelopeSize * 8; bit < log.bytes.size() * 8; ++bit) {
      Bytes bytes = log.bytes;
      bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      Result<LogContents> contents = read_log(log.sample, bytes);
      if (bit / 8 < durable) {
        ASSERT_EQ(contents.code(), Code::kDamaged) << "bit " << bit << " of byte " << bit / 8;
      } else {
        ASSERT_TRUE(contents.is_ok()) << "bit " << bit << ": " << contents.status().to_string();
        LogFile::Boundary end = log.boundary_before(bit / 8);
        ASSERT_EQ(contents->plaintext,
                  Bytes(log.plaintext.begin(), log.plaintext.begin() + static_cast<ptrdiff_t>(end.logical)));
        ASSERT_EQ(contents->end.torn_bytes, bytes.size() - end.physical);
        ASSERT_FALSE(contents->end.closed);
      }
    }
  }
}

TEST(LogDamage, ADamagedByteBelowTheWatermarkIsAlwaysDamage) {
  const LogFile log = make_log();
  for (size_t byte = kEnvelopeSize; byte < watermark(log); ++byte) {
    for (uint8_t value : {0x00, 0xff, 0x43, 0x80}) {
      Bytes bytes = log.bytes;
      if (bytes[byte] == value) continue;
      bytes[byte] = value;
      ASSERT_EQ(read_log(log.sample, bytes).code(), Code::kDamaged) << "byte " << byte;
    }
  }
}

TEST(LogDamage, ALostSectorBelowTheWatermarkIsDamageEvenIfItTookASessionHeader) {
  const LogFile log = make_log();
  for (size_t size : {96u, 512u}) {
    for (size_t from = kEnvelopeSize; from + size < watermark(log); from += 16) {
      Bytes bytes = log.bytes;
      std::fill_n(bytes.begin() + static_cast<ptrdiff_t>(from), size, uint8_t{0});
      ASSERT_EQ(read_log(log.sample, bytes).code(), Code::kDamaged) << "at " << from;
    }
  }
}

TEST(LogDamage, EveryCutLeavesWhatLiesWholeBeforeIt) {
  const LogFile log = make_log();
  for (size_t cut = kEnvelopeSize; cut <= log.bytes.size(); ++cut) {
    Bytes bytes(log.bytes.begin(), log.bytes.begin() + static_cast<ptrdiff_t>(cut));
    Result<LogContents> contents = read_log(log.sample, bytes);
    ASSERT_TRUE(contents.is_ok()) << contents.status().to_string();
    LogFile::Boundary end = log.boundary_before(cut);
    ASSERT_EQ(contents->plaintext,
              Bytes(log.plaintext.begin(), log.plaintext.begin() + static_cast<ptrdiff_t>(end.logical)));
    ASSERT_EQ(contents->end.closed, end.closed) << "cut at " << cut;
    ASSERT_EQ(contents->end.torn_bytes, cut - end.physical);
    ASSERT_EQ(contents->end.append.offset, end.physical);
  }
}

class MovedUnits : public testing::Test {
 protected:
  // Unit i lies between boundaries i and i + 1.
  size_t unit_count() const { return log_.boundaries.size() - 1; }
  Bytes unit(const LogFile& log, size_t i) const {
    return Bytes(log.bytes.begin() + static_cast<ptrdiff_t>(log.boundaries[i].physical),
                 log.bytes.begin() + static_cast<ptrdiff_t>(log.boundaries[i + 1].physical));
  }
  // The log with its units in another order.
  Bytes assemble(const std::vector<Bytes>& units) const {
    Bytes out(log_.bytes.begin(), log_.bytes.begin() + kEnvelopeSize);
    for (const Bytes& each : units) out.insert(out.end(), each.begin(), each.end());
    return out;
  }
  std::vector<Bytes> units() const {
    std::vector<Bytes> out;
    for (size_t i = 0; i < unit_count(); ++i) out.push_back(unit(log_, i));
    return out;
  }
  // Nothing altered, nothing out of order; and an error unless only the last unit, which nothing testifies for, is
  // gone.
  void expect_caught(const Bytes& bytes, const std::string& what) {
    Result<LogContents> contents = read_log(log_.sample, bytes);
    if (contents.is_ok()) {
      EXPECT_TRUE(is_prefix(contents->plaintext, log_.plaintext)) << what;
      EXPECT_NE(contents->end.torn_bytes, 0u) << what;
    } else {
      EXPECT_TRUE(is_integrity_error(contents.code())) << what;
    }
  }

  LogFile log_ = make_log();
};

TEST_F(MovedUnits, SwappedUnitsAreNeverRead) {
  for (size_t i = 0; i < unit_count(); ++i) {
    for (size_t j = i + 1; j < unit_count(); ++j) {
      std::vector<Bytes> order = units();
      if (order[i] == order[j]) continue;
      std::swap(order[i], order[j]);
      expect_caught(assemble(order), std::to_string(i) + " and " + std::to_string(j));
    }
  }
  // Two of equal size below the watermark leave the evidence behind them in place.
  std::vector<Bytes> order = units();
  ASSERT_EQ(order[2].size(), order[3].size());
  std::swap(order[2], order[3]);
  EXPECT_EQ(read_log(log_.sample, assemble(order)).code(), Code::kDamaged);
}

TEST_F(MovedUnits, DuplicatedAndDroppedUnitsAreNeverRead) {
  for (size_t i = 0; i < unit_count(); ++i) {
    std::vector<Bytes> order = units();
    order.insert(order.begin() + static_cast<ptrdiff_t>(i), order[i]);
    expect_caught(assemble(order), "twice " + std::to_string(i));
    order = units();
    if (i + 1 == unit_count()) continue;
    order.erase(order.begin() + static_cast<ptrdiff_t>(i));
    expect_caught(assemble(order), "without " + std::to_string(i));
  }
}

TEST_F(MovedUnits, UnitsOfAnotherFileAreNeverRead) {
  LogFile other = make_log();
  for (size_t i = 0; i < unit_count(); ++i) {
    std::vector<Bytes> order = units();
    ASSERT_EQ(order[i].size(), unit(other, i).size());
    order[i] = unit(other, i);
    expect_caught(assemble(order), "foreign " + std::to_string(i));
  }
  Bytes body = log_.bytes;
  std::copy_n(other.bytes.begin(), kEnvelopeSize, body.begin());
  EXPECT_EQ(read_log(other.sample, body).code(), Code::kDamaged) << "a foreign body is no part of this file";
  other.sample.fields.earlier_body = earlier_body_of(ByteView(body).subspan(kEnvelopeSize)).value();
  EXPECT_EQ(read_log(other.sample, body)->plaintext, Bytes()) << "but may have been there when the file was recycled";
}

// Someone who knows the format, but no key, moves things and makes every checksum fit (L3, L4).
class Forger : public MovedUnits {
 protected:
  void fix_frame(Bytes& bytes, size_t at) {
    uint32_t size = load_le32(&bytes[at]) & 0x1fffff;
    uint8_t place[8];
    store_le64(place, at);
    uint32_t crc = crc32c(log_.sample.fields.file_id.bytes);
    crc = crc32c_extend(crc, place);
    crc = crc32c_extend(crc, {&bytes[at], 4});
    crc = crc32c_extend(crc, {&bytes[at + 8], size + 24});
    store_le32(&bytes[at + 4], crc);
  }
  void fix_session(Bytes& bytes, size_t at) {
    uint32_t crc = crc32c(log_.sample.fields.file_id.bytes);
    store_le32(&bytes[at + 4], crc32c_extend(crc, {&bytes[at + 8], 88}));
  }
  Code read(const Bytes& bytes) { return read_log(log_.sample, bytes).code(); }
};

TEST_F(Forger, EveryAlteredFrameWithAGoodChecksumIsTampering) {
  for (size_t i = 1; i < 5; ++i) {
    size_t at = log_.boundaries[i].physical;
    for (size_t bit = 64; bit < (log_.boundaries[i + 1].physical - at) * 8; ++bit) {
      Bytes bytes = log_.bytes;
      bytes[at + bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      fix_frame(bytes, at);
      ASSERT_EQ(read(bytes), Code::kTampered) << "frame " << i << " bit " << bit;
    }
  }
}

TEST_F(Forger, AFrameOfAnotherPlaceOrSessionWithAGoodChecksumIsTampering) {
  std::vector<Bytes> order = units();
  std::swap(order[2], order[3]);
  Bytes bytes = assemble(order);
  fix_frame(bytes, log_.boundaries[2].physical);
  EXPECT_EQ(read(bytes), Code::kTampered);

  order = units();
  size_t last = unit_count() - 2;
  ASSERT_EQ(order[2].size(), order[last].size());
  order[last] = order[2];
  bytes = assemble(order);
  fix_frame(bytes, log_.boundaries[last].physical);
  EXPECT_EQ(read(bytes), Code::kTampered);
}

TEST_F(Forger, AnAlteredSessionHeaderWithAGoodChecksumIsTampering) {
  for (size_t i : {0u, 5u, 7u}) {
    size_t at = log_.boundaries[i].physical;
    ASSERT_EQ(as_text({&log_.bytes[at], 4}), "CFLS");
    for (size_t bit = 64; bit < 96 * 8; ++bit) {
      Bytes bytes = log_.bytes;
      bytes[at + bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      fix_session(bytes, at);
      ASSERT_EQ(read(bytes), Code::kTampered) << "header " << i << " bit " << bit;
    }
  }
}

TEST_F(Forger, AFrameBehindTheEndOfItsSessionIsTampering) {
  Bytes bytes = log_.bytes;
  size_t at = bytes.size();
  Bytes frame = unit(log_, 2);
  bytes.insert(bytes.end(), frame.begin(), frame.end());
  fix_frame(bytes, at);
  EXPECT_EQ(read(bytes), Code::kTampered);
}

TEST_F(Forger, AFrameBeforeAnySessionIsTampering) {
  Bytes bytes(log_.bytes.begin(), log_.bytes.begin() + kEnvelopeSize);
  Bytes frame = unit(log_, 1);
  bytes.insert(bytes.end(), frame.begin(), frame.end());
  fix_frame(bytes, kEnvelopeSize);
  EXPECT_EQ(read(bytes), Code::kTampered);
}

TEST_F(Forger, AnotherKeyIsTampering) {
  Sample thief = Sample(Kind::kLog);
  thief.fields.file_id = log_.sample.fields.file_id;
  EXPECT_EQ(read_log(thief, log_.bytes).code(), Code::kTampered);
}

// Forged evidence turns a torn tail into an error, never the other way round.
TEST_F(Forger, CanOnlyMakeATornTailAnError) {
  LogFile log;
  log.append(100);
  log.append(100);
  Bytes torn(log.bytes.begin(), log.bytes.end() - 5);
  EXPECT_TRUE(read_log(log.sample, torn).is_ok());
  torn.resize(torn.size() + 200);
  size_t at = torn.size() - 100;
  store_le32(&torn[at], 10);
  store_le64(&torn[at + 8], log.boundaries[2].physical + 1);
  log_.sample.fields.file_id = log.sample.fields.file_id;
  fix_frame(torn, at);
  EXPECT_EQ(read_log(log.sample, torn).code(), Code::kDamaged);
}

}  // namespace
}  // namespace coffer
