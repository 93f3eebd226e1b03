// What is appended is read back: sizes, sessions, windows, limits.
#include "coffer/format/log.h"

#include <algorithm>

#include "format/log_sample.h"
#include "support/allocations.h"

namespace coffer {
namespace {

constexpr size_t kMax = kLogFramePlaintextMax;

class EveryLog : public testing::TestWithParam<Suite> {};
INSTANTIATE_TEST_SUITE_P(All, EveryLog, testing::ValuesIn(kAeadSuites));

TEST_P(EveryLog, WhatIsAppendedIsReadBack) {
  for (bool close : {false, true}) {
    LogFile log(GetParam());
    for (size_t size : {1u, 15u, 16u, 17u, 150u, 4096u, 0u, 100000u}) {
      log.append(size);
      log.sync();
    }
    if (close) log.close();
    LogContents contents = read_log(log.sample, log.bytes).value();
    EXPECT_EQ(contents.plaintext, log.plaintext);
    EXPECT_EQ(contents.end.closed, close);
    EXPECT_EQ(contents.end.torn_bytes, 0u);
    EXPECT_EQ(contents.end.append, (LogPosition{1, log.bytes.size(), log.plaintext.size()}));
  }
}

TEST_P(EveryLog, SessionsFollowEachOther) {
  LogFile log(GetParam());
  for (int i = 0; i < 5; ++i) {
    log.append(100 + static_cast<size_t>(i));
    if (i % 2 == 0) log.close();
    log.reopen();
  }
  log.append({});  // a session of no frames
  log.reopen();
  log.append(7);
  log.close();
  LogContents contents = read_log(log.sample, log.bytes).value();
  EXPECT_EQ(contents.plaintext, log.plaintext);
  EXPECT_TRUE(contents.end.closed);
  EXPECT_EQ(contents.end.append.session, 7u);
}

TEST(Log, HasTheSizesOfTheSpecification) {
  struct {
    size_t plaintext, physical;
  } cases[] = {{0, 8192 + 96},
               {1, 8192 + 96 + 33},
               {kMax - 1, 8192 + 96 + kMax + 31},
               {kMax, 8192 + 96 + kMax + 32},
               {kMax + 1, 8192 + 96 + kMax + 1 + 64},
               {2 * kMax, 8192 + 96 + 2 * kMax + 64},
               {2 * kMax + 1, 8192 + 96 + 2 * kMax + 1 + 96}};
  for (const auto& c : cases) {
    LogFile log;
    log.append(c.plaintext);
    EXPECT_EQ(log.bytes.size(), c.physical) << c.plaintext;
    EXPECT_EQ(read_log(log.sample, log.bytes)->plaintext, log.plaintext);
    log.close();
    EXPECT_EQ(log.bytes.size(), c.physical + 32);
  }
}

TEST(Log, AFreshFileAppendsAtSessionZero) {
  Sample sample(Kind::kLog);
  for (const Bytes& bytes : {sample.envelope(), Bytes(kEnvelopeSize + 1000)}) {
    LogContents contents = read_log(sample, bytes).value();
    EXPECT_EQ(contents.end.append, (LogPosition{0, kEnvelopeSize, 0}));
    EXPECT_FALSE(contents.end.closed);
    EXPECT_EQ(contents.end.torn_bytes, bytes.size() - kEnvelopeSize);
  }
}

// Feeds a window one byte longer at a time, and obeys what step() asks for.
TEST(LogOpener, SaysHowMuchItNeedsAndTakesNoLess) {
  LogFile log;
  log.append(1);
  log.append(1000);
  log.close();
  log.reopen();
  log.append(20);
  LogOpener opener = LogOpener::create(log.sample.file_key, log.sample.log_params()).value();
  Bytes plaintext;
  std::vector<LogStep::Found> found;
  while (opener.position() < log.bytes.size()) {
    LogStep step;
    size_t before = opener.position();
    for (size_t size = 0; before + size <= log.bytes.size(); ++size) {
      Bytes window(log.bytes.begin() + static_cast<ptrdiff_t>(before),
                   log.bytes.begin() + static_cast<ptrdiff_t>(before + size));
      step = opener.step(window, false).value();
      if (step.found != LogStep::Found::kNeedMore) {
        plaintext.insert(plaintext.end(), step.plaintext.begin(), step.plaintext.end());
        EXPECT_EQ(size, step.size) << "decided with more bytes than the unit has";
        break;
      }
      ASSERT_GT(step.size, size);
      ASSERT_EQ(opener.position(), before);
    }
    found.push_back(step.found);
  }
  using enum LogStep::Found;
  EXPECT_EQ(found, (std::vector{kSession, kFrame, kFrame, kClose, kSession, kFrame}));
  EXPECT_EQ(plaintext, log.plaintext);
  EXPECT_EQ(opener.step({}, true)->found, kEnd);
  EXPECT_EQ(opener.step({}, false)->found, kNeedMore);
}

TEST(LogOpener, CopiesAreIndependent) {
  LogFile log;
  for (int i = 0; i < 20; ++i) log.append(50);
  LogOpener opener = LogOpener::create(log.sample.file_key, log.sample.log_params()).value();
  std::vector<LogOpener> places;
  Bytes window = log.bytes;
  while (opener.position() < log.bytes.size()) {
    places.push_back(opener);
    ASSERT_TRUE(opener.step(MutableBytes(window).subspan(opener.position()), true).is_ok());
  }
  for (LogOpener& place : places) {
    Bytes again = log.bytes;
    uint64_t logical = place.logical_size();
    LogStep step = place.step(MutableBytes(again).subspan(place.position()), true).value();
    EXPECT_TRUE(std::ranges::equal(step.plaintext, slice(log.plaintext, logical, step.plaintext.size())));
  }
}

TEST(LogOpener, ReportsHowFarTheLogWasDurable) {
  LogFile log;
  log.append(10);
  log.sync();
  size_t synced = log.bytes.size();
  log.append(10);
  auto durable_upto = [&] {
    LogOpener opener = LogOpener::create(log.sample.file_key, log.sample.log_params()).value();
    Bytes window = log.bytes;
    while (opener.position() < log.bytes.size()) {
      EXPECT_TRUE(opener.step(MutableBytes(window).subspan(opener.position()), true).is_ok());
    }
    return opener.durable_upto();
  };
  EXPECT_EQ(durable_upto(), synced);
  log.append(10);
  EXPECT_EQ(durable_upto(), synced);
  size_t size = log.bytes.size();
  log.reopen();
  log.append({});
  EXPECT_EQ(durable_upto(), size) << "a reopened log was cut and synced first";
}

TEST(LogSealer, BoundsWhatItIsToldWasDurable) {
  Sample sample(Kind::kLog);
  LogSealer sealer = LogSealer::create(sample.file_key, sample.log_params(), {0, kEnvelopeSize, 0}).value();
  Buffer out;
  out.append(sample.envelope());
  ASSERT_TRUE(sealer.append(pattern(2 * kMax, 1), UINT64_MAX, out));
  Bytes bytes(out.view().begin(), out.view().end());
  EXPECT_TRUE(read_log(sample, bytes).is_ok()) << "no frame says more than lies before it";
}

TEST(LogSealer, AClosedSessionIsNeverContinued) {
  Sample sample(Kind::kLog);
  LogSealer sealer = LogSealer::create(sample.file_key, sample.log_params(), {0, kEnvelopeSize, 0}).value();
  Buffer out;
  ASSERT_TRUE(sealer.close(0, out));
  EXPECT_EQ(out.size(), kLogSessionHeaderSize + kLogFrameOverhead);
  EXPECT_EQ(sealer.append(pattern(1, 1), 0, out).code(), Code::kUnsupported);
  EXPECT_EQ(sealer.append({}, 0, out).code(), Code::kUnsupported);
  EXPECT_EQ(sealer.close(0, out).code(), Code::kUnsupported);
  EXPECT_EQ(out.size(), kLogSessionHeaderSize + kLogFrameOverhead);
}

TEST(LogSealer, RefusesPlacesWhereNoSessionCanBegin) {
  Sample sample(Kind::kLog);
  auto code = [&](LogPosition at) { return LogSealer::create(sample.file_key, sample.log_params(), at).code(); };
  EXPECT_EQ(code({0, 0, 0}), Code::kInvalidArgument);
  EXPECT_EQ(code({0, kEnvelopeSize + 1, 0}), Code::kInvalidArgument);
  EXPECT_EQ(code({1, kEnvelopeSize, 0}), Code::kInvalidArgument);
  EXPECT_EQ(code({0, kEnvelopeSize, 1}), Code::kInvalidArgument);
  EXPECT_EQ(code({1, kLogFileSizeMax, 1}), Code::kLimitExceeded);
}

TEST(LogSealer, LeavesRoomForTheClosingFrameAtTheLimit) {
  Sample sample(Kind::kLog);
  constexpr size_t kUnits = kLogSessionHeaderSize + 2 * kLogFrameOverhead;
  LogPosition at{1, kLogFileSizeMax - kUnits - 10, 5};
  LogSealer sealer = LogSealer::create(sample.file_key, sample.log_params(), at).value();
  Buffer out;
  EXPECT_EQ(sealer.append(pattern(11, 1), 0, out).code(), Code::kLimitExceeded);
  EXPECT_EQ(out.size(), 0u);
  uint8_t byte = 0;  // never read: the size alone is refused
  EXPECT_EQ(sealer.append({&byte, SIZE_MAX}, 0, out).code(), Code::kLimitExceeded);
  EXPECT_TRUE(sealer.append(pattern(10, 1), 0, out));
  EXPECT_TRUE(sealer.close(0, out));
  EXPECT_EQ(sealer.offset(), kLogFileSizeMax);
}

TEST(LogSealer, EverySessionHasItsOwnSalt) {
  Sample sample(Kind::kLog);
  std::vector<Bytes> salts;
  for (int i = 0; i < 50; ++i) {
    LogSealer sealer = LogSealer::create(sample.file_key, sample.log_params(), {0, kEnvelopeSize, 0}).value();
    Buffer out;
    ASSERT_TRUE(sealer.append({}, 0, out));
    salts.emplace_back(out.data() + 32, out.data() + 64);
  }
  std::ranges::sort(salts);
  EXPECT_EQ(std::ranges::adjacent_find(salts), salts.end());
}

TEST(Log, RefusesKeysAndSuitesThatDoNotFit) {
  Sample sample(Kind::kLog);
  LogParams params = sample.log_params();
  for (Suite suite : {Suite::kAes128Gcm, Suite::kAes256Ctr}) {
    params.suite = suite;
    EXPECT_EQ(LogSealer::create(sample.file_key, params, {0, kEnvelopeSize, 0}).code(), Code::kInvalidArgument);
    EXPECT_EQ(LogOpener::create(sample.file_key, params).code(), Code::kInvalidArgument);
  }
}

TEST(Log, HotPathsAllocateNothing) {
  Sample sample(Kind::kLog);
  LogSealer sealer = LogSealer::create(sample.file_key, sample.log_params(), {0, kEnvelopeSize, 0}).value();
  LogOpener opener = LogOpener::create(sample.file_key, sample.log_params()).value();
  Buffer out(1 << 20);
  Bytes record = pattern(150, 1);
  ASSERT_TRUE(sealer.append(record, 0, out));
  {
    AllocationCounter counter;
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(sealer.append(record, 0, out));
    EXPECT_EQ(counter.count(), 0u);
  }
  MutableBytes window = out.mutable_view();
  for (int i = 0; i < 2; ++i) window = window.subspan(opener.step(window, true)->size);
  AllocationCounter counter;
  while (!window.empty()) {
    auto step = opener.step(window, true);
    ASSERT_EQ(step->found, LogStep::Found::kFrame);
    window = window.subspan(step->size);
  }
  EXPECT_EQ(counter.count(), 0u);
}

}  // namespace
}  // namespace coffer
