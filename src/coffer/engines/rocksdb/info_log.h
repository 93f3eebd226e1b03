// RocksDB's info log (the file LOG), on any writable file.
#pragma once

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <chrono>
#include <functional>
#include <mutex>
#include <string>

#include "coffer/base/bytes.h"

namespace coffer::rocks {

// Lines look as RocksDB's own logger writes them, and reach the file as late: with the first line after five seconds,
// when there are 64 KiB, on Flush() and on Close(). RocksDB's own is not used because it ends the process (in builds
// with assertions, as Debian's) when a write to the log fails, for example on a full disk. Here, that loses log lines.
class InfoLog final : public ::rocksdb::Logger {
 public:
  // `news` is asked with each line, and what it answers follows as a line of its own; empty: nothing new.
  InfoLog(std::unique_ptr<::rocksdb::FSWritableFile> file, std::function<std::string()> news)
      : Logger(::rocksdb::InfoLogLevel::ERROR_LEVEL), file_(std::move(file)), news_(std::move(news)) {}
  ~InfoLog() override;

  using ::rocksdb::Logger::Logv;
  void Logv(const char* format, va_list arguments) override;
  void Flush() override;
  size_t GetLogFileSize() const override;
  ::rocksdb::Status Close() override;

 private:
  // REQUIRES of both: mutex_ is held.
  void add_news();
  void flush_locked();

  mutable std::mutex mutex_;
  const std::unique_ptr<::rocksdb::FSWritableFile> file_;
  const std::function<std::string()> news_;
  Buffer lines_;
  size_t written_size_ = 0;
  std::chrono::steady_clock::time_point flushed_at_{};
};

}  // namespace coffer::rocks
