// In which domain RocksDB's data files are made, where their paths do not say: what a listener was told of the file
// that comes next, and what a file is a copy of.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace coffer::rocks {

class WritableFile;

// Domains of files that are about to be made, by their absolute paths. Thread-safe.
class AnnouncedDomains {
 public:
  void announce(const std::string& path, const std::string& domain);
  void withdraw(const std::string& path);
  // Empty if nothing was announced; what was is forgotten.
  std::string take(const std::string& path);

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> domains_;
};

// RocksDB copies a file (into a backup and out of it, into a checkpoint on another disk, to ingest it) by reading it
// front to back on the thread that writes the copy, and opens the two in either order. So a copy is a data file that
// is made on a thread while this has another one open for that, before it writes anything.
struct CopySource {
  std::string domain;
};
struct CopyTarget {
  WritableFile* file;
  std::string path;
};
// What this thread opened last, if it is still open, and, for a target, if nothing was written to it yet; else null.
std::shared_ptr<const CopySource> copy_source();
std::shared_ptr<CopyTarget> copy_target();
void set_copy_source(const std::shared_ptr<const CopySource>& source);
void set_copy_target(const std::shared_ptr<CopyTarget>& target);

}  // namespace coffer::rocks
