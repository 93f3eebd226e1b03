#include "coffer/files/log_reader.h"

#include <gtest/gtest.h>

#include <thread>

#include "format/log_sample.h"

namespace coffer {
namespace {

class Reading : public testing::Test {
 protected:
  LogReader open() { return LogReader::create(file_, log_.sample.file_key, log_.sample.log_params()).value(); }
  void show(const Bytes& bytes) { file_->bytes = bytes; }

  LogFile log_;
  std::shared_ptr<ChangingFile> file_ = std::make_shared<ChangingFile>();
};

TEST_F(Reading, PiecesOfAnySizeAreTheWhole) {
  for (size_t size : {1u, 150u, 0u, 4000u, 300000u, 33u}) log_.append(size);
  log_.reopen();
  log_.append(70);
  show(log_.bytes);
  for (size_t piece : {1u, 7u, 150u, 4096u, 1000000u}) {
    LogReader reader = open();
    Bytes out, buffer(piece);
    for (;;) {
      EXPECT_EQ(reader.position(), out.size());
      size_t count = reader.read(buffer).value();
      out.insert(out.end(), buffer.begin(), buffer.begin() + static_cast<ptrdiff_t>(count));
      if (count < piece) break;
    }
    EXPECT_EQ(out, log_.plaintext);
    EXPECT_EQ(reader.read(buffer).value(), 0u);
  }
}

TEST_F(Reading, SkipsToAnyPlaceAndNotBeyondTheEnd) {
  for (int i = 0; i < 30; ++i) log_.append(100);
  show(log_.bytes);
  for (size_t skip : {0u, 1u, 99u, 100u, 101u, 2999u, 3000u, 3001u}) {
    LogReader reader = open();
    size_t skipped = reader.skip(skip).value();
    EXPECT_EQ(skipped, std::min<size_t>(skip, 3000));
    EXPECT_EQ(reader.position(), skipped);
    Bytes out(3000);
    out.resize(reader.read(out).value());
    EXPECT_TRUE(std::ranges::equal(out, slice(log_.plaintext, skipped, 3000 - skipped)));
  }
  LogReader reader = open();
  Bytes few(30);
  ASSERT_EQ(reader.read(few).value(), 30u);
  EXPECT_EQ(reader.next()->size(), 70u) << "the rest of the frame";
  EXPECT_EQ(reader.next()->size(), 100u);
}

TEST_F(Reading, AFrameLargerThanTheBufferIsReadWhole) {
  log_.append(kLogFramePlaintextMax);
  log_.append(2 * kLogFramePlaintextMax + 5);
  show(log_.bytes);
  LogReader reader = open();
  EXPECT_EQ(reader.next()->size(), kLogFramePlaintextMax);
  Bytes rest(3 * kLogFramePlaintextMax);
  rest.resize(reader.read(rest).value());
  EXPECT_TRUE(std::ranges::equal(rest, slice(log_.plaintext, kLogFramePlaintextMax, rest.size())));
  EXPECT_EQ(rest.size(), 2 * kLogFramePlaintextMax + 5);
}

// Byte by byte, the log is read as it comes; the end is never remembered.
TEST_F(Reading, GoesOnWhenTheLogHasGrown) {
  log_.append(20);
  log_.sync();
  log_.append(300);
  log_.sync();
  log_.close();
  log_.reopen();
  log_.append(5);
  for (bool preallocated : {false, true}) {
    show(preallocated ? Bytes(log_.bytes.size() + 5000) : Bytes());
    LogReader reader = open();
    Bytes out;
    for (size_t size = 0; size <= log_.bytes.size(); ++size) {
      // Its first header stands in one sector, which is there or not.
      if (preallocated && size > kEnvelopeSize && size < kEnvelopeSize + kLogSessionHeaderSize) continue;
      if (preallocated) {
        std::copy_n(log_.bytes.begin(), size, file_->bytes.begin());
      } else {
        show(Bytes(log_.bytes.begin(), log_.bytes.begin() + static_cast<ptrdiff_t>(size)));
      }
      for (;;) {
        Result<ByteView> frame = reader.next();
        ASSERT_TRUE(frame.is_ok()) << frame.status().to_string();
        if (frame->empty()) break;
        out.insert(out.end(), frame->begin(), frame->end());
      }
      // Zeros that are to come are there already.
      size_t there = size;
      while (preallocated && there < log_.bytes.size() && log_.bytes[there] == 0) ++there;
      LogFile::Boundary boundary = log_.boundary_before(std::max(there, kEnvelopeSize));
      ASSERT_EQ(out.size(), boundary.logical) << "at " << size;
      ASSERT_EQ(reader.end().closed, boundary.closed && boundary.physical <= there);
    }
    EXPECT_EQ(out, log_.plaintext);
  }
}

// The writer goes on between two reads of the same call: what the reader then has in hand is of different moments.
TEST_F(Reading, IsNotMisledByAWriterBetweenTwoReads) {
  log_.append(100);
  log_.sync();
  size_t before = log_.bytes.size() + 60;  // in the middle of the next frame
  log_.append(100);
  log_.sync();
  log_.append(100);
  log_.sync();
  log_.append(100);
  for (int moment = 1; moment < 8; ++moment) {
    file_ =
        std::make_shared<ChangingFile>(Bytes(log_.bytes.begin(), log_.bytes.begin() + static_cast<ptrdiff_t>(before)));
    file_->before_read = [&](int read) -> Status {
      if (read == moment) file_->bytes = log_.bytes;
      return Status::ok();
    };
    LogReader reader = open();
    Bytes out;
    for (int calls = 0; calls < 12; ++calls) {
      Result<ByteView> frame = reader.next();
      ASSERT_TRUE(frame.is_ok()) << "moment " << moment << ": " << frame.status().to_string();
      out.insert(out.end(), frame->begin(), frame->end());
    }
    EXPECT_EQ(out, log_.plaintext) << "moment " << moment;
  }
}

TEST_F(Reading, AFailedReadIsReportedAndCanBeRepeated) {
  for (int i = 0; i < 5; ++i) log_.append(100000);
  show(log_.bytes);
  file_->bytes.resize(log_.bytes.size() + 100);  // a torn tail, so that it is searched too
  int failures = 0;
  for (int failing = 1;; ++failing) {
    file_->reads = 0;
    bool failed = false;
    file_->before_read = [&](int read) -> Status {
      if (read != failing) return Status::ok();
      failed = true;
      return {Code::kIo, "injected"};
    };
    LogReader reader = open();
    Bytes out;
    for (;;) {
      Result<ByteView> frame = reader.next();
      if (!frame.is_ok()) {
        ASSERT_EQ(frame.code(), Code::kIo);
        ++failures;
        continue;
      }
      if (frame->empty()) break;
      out.insert(out.end(), frame->begin(), frame->end());
    }
    ASSERT_EQ(out, log_.plaintext);
    ASSERT_EQ(reader.end().torn_bytes, 100u);
    if (!failed) break;
  }
  EXPECT_GE(failures, 4);
}

class ReadingDamage : public Reading {
 protected:
  ReadingDamage() {
    log_.append(100);
    place_ = log_.bytes.size();
    log_.append(100);
    log_.sync();
    log_.append(100);
    show(log_.bytes);
    file_->bytes[place_ + 20] ^= 1;
  }
  size_t place_;
};

TEST_F(ReadingDamage, WhatStandsBeforeItIsReadFrameByFrameAndTheErrorStays) {
  LogReader reader = open();
  EXPECT_EQ(reader.next()->size(), 100u);
  Bytes out(300);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(reader.read(out).code(), Code::kDamaged);
    EXPECT_EQ(reader.next().code(), Code::kDamaged);
    EXPECT_EQ(reader.skip(1).code(), Code::kDamaged);
  }
  EXPECT_NE(reader.next().status().message().find(std::to_string(place_)), std::string_view::npos);
  EXPECT_EQ(reader.logical_size().code(), Code::kDamaged);
  EXPECT_EQ(reader.build_index().code(), Code::kDamaged);
}

TEST_F(ReadingDamage, NeverPassesForTheEndAndLosesNothing) {
  LogReader reader = open();
  Bytes out(150);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(reader.read(out).code(), Code::kDamaged);
    EXPECT_EQ(reader.position(), 0u);
  }
  EXPECT_EQ(reader.read(MutableBytes(out).first(30)).value(), 30u);
  EXPECT_EQ(reader.read(out).code(), Code::kDamaged);
  EXPECT_EQ(reader.position(), 30u);
  file_->bytes[place_ + 20] ^= 1;
  out.resize(300);
  EXPECT_EQ(reader.read(out).value(), 270u) << "the medium came back to its senses";
  EXPECT_TRUE(std::ranges::equal(ByteView(out).first(270), slice(log_.plaintext, 30, 270)));
}

TEST_F(Reading, MeasuringDoesNotMoveTheReader) {
  log_.append(100);
  log_.append(50);
  log_.close();
  show(log_.bytes);
  file_->bytes.resize(log_.bytes.size() + 7);
  LogReader reader = open();
  ASSERT_EQ(reader.skip(30).value(), 30u);
  LogEnd end = reader.measure().value();
  EXPECT_EQ(end.logical_size, 150u);
  EXPECT_EQ(reader.logical_size().value(), 150u);
  EXPECT_TRUE(end.closed);
  EXPECT_EQ(end.torn_bytes, 7u);
  EXPECT_EQ(end.append, (LogPosition{1, log_.bytes.size(), 150}));
  EXPECT_EQ(reader.position(), 30u);
  EXPECT_EQ(reader.next()->size(), 70u);
}

TEST_F(Reading, AFileShorterThanItsHeaderHasNothing) {
  for (size_t size : {size_t{0}, size_t{1}, kEnvelopeSize - 1, kEnvelopeSize}) {
    show(Bytes(size));
    EXPECT_EQ(open().logical_size().value(), 0u);
    EXPECT_TRUE(open().next()->empty());
  }
}

class Indexed : public Reading {
 protected:
  Indexed() {
    for (size_t i = 0; i < 200; ++i) log_.append(1 + i * i * 7 % 5000);
    log_.reopen();
    log_.append(200000);
    log_.close();
    log_.reopen();
    for (size_t i = 0; i < 200; ++i) log_.append(150);
    show(log_.bytes);
  }
  void expect_readable(const LogReader& reader, uint64_t offset, size_t size) {
    Bytes out(size);
    Result<size_t> count = reader.read_at(offset, out);
    ASSERT_TRUE(count.is_ok()) << count.status().to_string();
    uint64_t expected = offset >= log_.plaintext.size() ? 0 : std::min<uint64_t>(size, log_.plaintext.size() - offset);
    ASSERT_EQ(*count, expected) << offset << "+" << size;
    ASSERT_TRUE(
        std::ranges::equal(ByteView(out).first(*count), slice(log_.plaintext, expected == 0 ? 0 : offset, expected)));
  }
};

TEST_F(Indexed, ReadsAnyPlace) {
  LogReader reader = open();
  ASSERT_TRUE(reader.build_index());
  EXPECT_EQ(reader.indexed_size(), log_.plaintext.size());
  for (uint64_t offset = 0; offset < log_.plaintext.size() + 20000; offset += 9973) {
    for (size_t size : {0u, 1u, 100u, 70000u}) expect_readable(reader, offset, size);
  }
  for (uint64_t offset : {uint64_t{65535}, uint64_t{65536}, log_.plaintext.size() - 1, log_.plaintext.size()}) {
    expect_readable(reader, offset, 1000);
  }
  expect_readable(reader, UINT64_MAX, 1);
  EXPECT_EQ(reader.position(), 0u);
}

TEST_F(Indexed, HasNothingBeforeItIsBuiltAndGrowsWithTheLog) {
  LogReader reader = open();
  Bytes out(10);
  EXPECT_EQ(reader.read_at(0, out).value(), 0u);
  ASSERT_TRUE(reader.build_index());
  uint64_t before = log_.plaintext.size();
  log_.append(100000);
  log_.append(100000);
  show(log_.bytes);
  EXPECT_EQ(reader.read_at(before, out).value(), 0u);
  ASSERT_TRUE(reader.build_index());
  expect_readable(reader, before - 5, 200000);
  expect_readable(reader, before + 150000, 10);
}

TEST_F(Indexed, DamageThatCameLaterIsAnError) {
  LogReader reader = open();
  ASSERT_TRUE(reader.build_index());
  file_->bytes.resize(file_->bytes.size() / 2);
  Bytes out(10);
  EXPECT_EQ(reader.read_at(log_.plaintext.size() - 10, out).code(), Code::kDamaged);
  file_->bytes[kEnvelopeSize + 200] ^= 1;
  EXPECT_FALSE(reader.read_at(0, out).is_ok());
}

TEST_F(Indexed, ManyThreadsMayRead) {
  LogReader reader = open();
  ASSERT_TRUE(reader.build_index());
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (uint64_t i = 0; i < 50; ++i) {
        uint64_t offset = (i * 7919 + t * 104729) % (log_.plaintext.size() - 1000);
        Bytes out(1000);
        auto count = reader.read_at(offset, out);
        if (!count.is_ok() || !std::ranges::equal(out, slice(log_.plaintext, offset, 1000))) ++failures;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
}

}  // namespace
}  // namespace coffer
