#include "coffer/engines/rocksdb/info_log.h"

#include <pthread.h>
#include <sys/time.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <ctime>

#include "coffer/engines/rocksdb/io_status.h"

namespace coffer::rocks {
namespace {

constexpr size_t kBufferSize = size_t{64} << 10;
constexpr size_t kLineSizeMax = size_t{64} << 10;
// Of lines that wait for a key which was taken back: they say why.
constexpr size_t kWaitingSizeMax = size_t{1} << 20;
constexpr std::chrono::seconds kFlushInterval{5};

// "2024/01/31-13:37:00.123456 139701234567890 "
size_t format_prefix(char* out, size_t size) {
  timeval now{};
  gettimeofday(&now, nullptr);
  tm local{};
  localtime_r(&now.tv_sec, &local);
  const int count = std::snprintf(out, size, "%04d/%02d/%02d-%02d:%02d:%02d.%06d %llu ", local.tm_year + 1900,
                                  local.tm_mon + 1, local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec,
                                  static_cast<int>(now.tv_usec), static_cast<unsigned long long>(pthread_self()));
  return std::min(static_cast<size_t>(std::max(count, 0)), size - 1);
}

}  // namespace

InfoLog::~InfoLog() { InfoLog::Close().PermitUncheckedError(); }

void InfoLog::Logv(const char* format, va_list arguments) {
  // A line that does not fit here is formatted again, once its size is known.
  char line[512];
  const size_t prefix_size = format_prefix(line, sizeof line);
  va_list again;
  va_copy(again, arguments);
  const int count = std::vsnprintf(line + prefix_size, sizeof line - prefix_size, format, arguments);
  const size_t size = std::min(prefix_size + static_cast<size_t>(std::max(count, 0)), kLineSizeMax);
  guarded([&] {
    std::lock_guard lock(mutex_);
    // One byte for the final zero, which the line feed takes the place of.
    char* out = reinterpret_cast<char*>(lines_.extend(size + 1));
    std::copy_n(line, std::min(size, sizeof line - 1), out);
    if (size >= sizeof line) std::vsnprintf(out + prefix_size, size + 1 - prefix_size, format, again);
    if (size > prefix_size && out[size - 1] == '\n') {
      lines_.truncate(lines_.size() - 1);
    } else {
      out[size] = '\n';
    }
    add_news();
    const bool due = std::chrono::steady_clock::now() - flushed_at_ >= kFlushInterval;
    if (due || lines_.size() >= kBufferSize) flush_locked();
    return IOStatus::OK();
  }).PermitUncheckedError();
  va_end(again);
}

void InfoLog::add_news() {
  const std::string news = news_();
  if (news.empty()) return;
  char prefix[64];
  const std::string line = std::string(prefix, format_prefix(prefix, sizeof prefix)) + "[coffer] " + news + "\n";
  std::copy(line.begin(), line.end(), lines_.extend(line.size()));
}

void InfoLog::flush_locked() {
  flushed_at_ = std::chrono::steady_clock::now();
  if (lines_.empty()) return;
  const Slice lines(reinterpret_cast<const char*>(lines_.data()), lines_.size());
  IOStatus status = file_->Append(lines, IOOptions(), nullptr);
  if (status.ok()) status = file_->Flush(IOOptions(), nullptr);
  status.PermitUncheckedError();
  if (!status.ok() && status.GetRetryable() && lines_.size() < kWaitingSizeMax) return;
  written_size_ += lines_.size();
  lines_.clear();
}

void InfoLog::Flush() {
  std::lock_guard lock(mutex_);
  flush_locked();
}

size_t InfoLog::GetLogFileSize() const {
  std::lock_guard lock(mutex_);
  return written_size_ + lines_.size();
}

::rocksdb::Status InfoLog::Close() {
  std::lock_guard lock(mutex_);
  if (closed_) return ::rocksdb::Status::OK();
  closed_ = true;
  flush_locked();
  return file_->Close(IOOptions(), nullptr);
}

}  // namespace coffer::rocks
