// What RocksDB is told of each of Coffer's errors: it acts on the kind of error, not on the text.
#include "coffer/engines/rocksdb/io_status.h"

#include <gtest/gtest.h>

namespace coffer::rocks {
namespace {

constexpr Code kUntrustworthy[] = {Code::kDamaged, Code::kTampered, Code::kTruncated, Code::kWrongKey,
                                   Code::kPlaintext};

TEST(IoStatus, BytesThatCannotBeTrustedAreCorruptionAndDataLoss) {
  for (Code code : kUntrustworthy) {
    const IOStatus status = to_io_status(Status(code, "x.sst: what"), Distrust::kCorruption);
    EXPECT_TRUE(status.IsCorruption()) << static_cast<int>(code);
    EXPECT_TRUE(status.GetDataLoss());
    EXPECT_NE(status.ToString().find("x.sst: what"), std::string::npos);
  }
}

TEST(IoStatus, InAWriteAheadLogTheyAreNotWhatRecoveryTakesForATornTail) {
  for (Code code : kUntrustworthy) {
    const IOStatus status = to_io_status(Status(code, "x.log: what"), Distrust::kIoError);
    EXPECT_TRUE(status.IsIOError()) << static_cast<int>(code);
    EXPECT_FALSE(status.IsCorruption());
    EXPECT_TRUE(status.GetDataLoss());
  }
}

TEST(IoStatus, NoErrorOfOursLooksLikeAMissingFile) {
  for (int code = 1; code <= static_cast<int>(Code::kInternal); ++code) {
    const IOStatus status = to_io_status(Status(static_cast<Code>(code), "x"), Distrust::kCorruption);
    EXPECT_FALSE(status.ok()) << code;
    EXPECT_FALSE(status.IsNotFound()) << code;
    EXPECT_FALSE(status.IsPathNotFound()) << code;
  }
  EXPECT_TRUE(to_io_status(Status::ok(), Distrust::kCorruption).ok());
}

TEST(IoStatus, ComesBackAsTheNearestErrorOfOurs) {
  EXPECT_EQ(from_io_status(IOStatus::OK()).code(), Code::kOk);
  EXPECT_EQ(from_io_status(IOStatus::NotFound("x")).code(), Code::kNotFound);
  EXPECT_EQ(from_io_status(IOStatus::PathNotFound("x")).code(), Code::kNotFound);
  EXPECT_EQ(from_io_status(IOStatus::NoSpace("x")).code(), Code::kNoSpace);
  EXPECT_EQ(from_io_status(IOStatus::NotSupported("x")).code(), Code::kUnsupported);
  EXPECT_EQ(from_io_status(IOStatus::IOError("x")).code(), Code::kIo);
  EXPECT_EQ(from_io_status(IOStatus::Corruption("x")).code(), Code::kIo);
}

TEST(IoStatus, AnExceptionBecomesAnError) {
  const IOStatus status = guarded([]() -> IOStatus { throw std::bad_alloc(); });
  EXPECT_TRUE(status.IsIOError());
}

}  // namespace
}  // namespace coffer::rocks
