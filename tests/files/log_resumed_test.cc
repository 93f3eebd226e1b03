// A log whose process was resumed, as far as the clocks tell.
#include <sys/syscall.h>

#include "coffer/base/clock_jump.h"
#include "coffer/files/body.h"
#include "coffer/files/disk_append_file.h"
#include "coffer/files/new_file.h"
#include "store/coffer_fixture.h"
#include "support/memory_disk.h"

namespace {

std::atomic<int64_t> time_of_day_moved_by{0};  // seconds

}  // namespace

// The C library's, for all of this program: nobody else sets the time of day of the machine that tests run on.
extern "C" int clock_gettime(clockid_t clock, timespec* out) noexcept {
  const long status = syscall(SYS_clock_gettime, clock, out);
  if (status == 0 && clock == CLOCK_REALTIME_COARSE) out->tv_sec += time_of_day_moved_by;
  return static_cast<int>(status);
}

namespace coffer {
namespace {

constexpr const char* kLogPath = "/file";

class ResumedLog : public CofferFixture {
 protected:
  void begin() {
    auto head = coffer_->new_file({.kind = Kind::kLog});
    ASSERT_OK(head);
    auto file = disk_.create(kLogPath, 0600);
    ASSERT_OK(file);
    auto writer = new_writer(coffer_, std::move(*head), EngineRole::kOther);
    ASSERT_OK(writer);
    writer_ = std::move(*writer);
    file_ = std::make_unique<DiskAppendFile>(disk_, kLogPath, std::move(*file));
  }
  void append(const std::string& text) {
    ASSERT_OK(writer_->append(as_bytes(text), *file_));
    text_ += text;
  }
  void close() { ASSERT_OK(writer_->close(*file_)); }

  static Bytes bytes_on(MemoryDisk& disk) {
    auto file = disk.open_read(kLogPath);
    Bytes out((*file)->size().value());
    EXPECT_EQ((*file)->read_at(0, out).value(), out.size());
    return out;
  }
  size_t sessions() {
    const Bytes all = bytes_on(disk_);
    size_t count = 0;
    for (std::string_view rest = as_text(ByteView(all).subspan(kEnvelopeSize)); rest.find("CFLS") != rest.npos;
         ++count) {
      rest.remove_prefix(rest.find("CFLS") + 4);
    }
    return count;
  }
  void expect_whole(bool closed) {
    std::shared_ptr<ReadableFile> file = disk_.open_read(kLogPath).value();
    const FileHead head = read_head(*file, kLogPath).value();
    const OpenedFile opened = coffer_->unlock(head.scan, kLogPath).value();
    auto body =
        body_of(Kind::kLog).open(opened, file, file->size().value(), closed ? EngineRole::kWhole : EngineRole::kOther);
    ASSERT_OK(body);
    std::string read(text_.size() + 1, 0);
    auto count = std::get<OpenLog>(*body).read(0, {reinterpret_cast<uint8_t*>(read.data()), read.size()});
    ASSERT_OK(count);
    read.resize(*count);
    EXPECT_EQ(read, text_);
  }

  MemoryDisk disk_;
  std::unique_ptr<FileWriter> writer_;
  std::unique_ptr<DiskAppendFile> file_;
  std::string text_;
};

TEST(ClockJump, IsASecondMoreOrLessThanHasPassed) {
  ClockJump clocks;
  EXPECT_FALSE(clocks.happened());
  for (int64_t jump : {3600, -3600, 2, -2}) {
    time_of_day_moved_by += jump;
    EXPECT_TRUE(clocks.happened()) << jump;
    EXPECT_FALSE(clocks.happened()) << jump;
  }
}

TEST_F(ResumedLog, GoesOnInASessionOfItsOwn) {
  begin();
  append("before");
  append(" and before");
  EXPECT_EQ(sessions(), 1u);
  time_of_day_moved_by += 60;
  append(" after");
  append(" and after");
  EXPECT_EQ(sessions(), 2u);
  time_of_day_moved_by -= 30;
  append(" again");
  EXPECT_EQ(sessions(), 3u);
  close();
  EXPECT_EQ(sessions(), 3u);
  expect_whole(true);
}

// The clean close would be the first frame whose nonce another may use.
TEST_F(ResumedLog, ClosesInASessionOfItsOwn) {
  begin();
  append("text");
  time_of_day_moved_by += 60;
  close();
  EXPECT_EQ(sessions(), 2u);
  expect_whole(true);
}

// The new session's header says that all before it is durable, which a crash must not make a lie.
TEST_F(ResumedLog, SyncsWhatWasWrittenBefore) {
  begin();
  ASSERT_OK(disk_.sync_directory("/"));
  append("text");
  time_of_day_moved_by += 60;
  const Bytes before = bytes_on(disk_);
  append(" more");
  const auto crashed = disk_.crash_image(CrashKind::kDropped, 1);
  EXPECT_EQ(bytes_on(*crashed), before);
}

}  // namespace
}  // namespace coffer
