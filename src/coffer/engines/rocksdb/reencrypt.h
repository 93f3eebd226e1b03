// New file keys for the files of a RocksDB database while it is served. docs/operating.md, "Write old files anew".
//
//   auto following = coffer::follow_reencryption(*db, coffer, families);
//   …
//   following->reset();  // before the column families' handles and the database go
#pragma once

#include <rocksdb/db.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "coffer/base/status.h"

namespace coffer {

class Coffer;

struct ReencryptDatabaseOptions {
  enum class Which : uint8_t {
    kOutdated,  // every file that another key than its domain's active one ever protected
    // every file that a compromised key ever protected, or one whose old files the coffer's policy has re-encrypted by
    // now
    kDue,
  };
  Which which = Which::kOutdated;
  std::string domain = {};  // only files of this domain; empty: all
  // Instead: files that the domain's key of this number ever protected. It may not be the active one.
  uint32_t key = 0;
  // Bytes a second, asked a few times a second; 0: none for now; nullopt, or no function: as the file `reencrypt.rate`
  // of the coffer's directory says, and where there is none, as the coffer's policy does.
  std::function<std::optional<uint64_t>()> rate = {};
  const std::atomic<bool>* suspend = nullptr;  // as long as it is true nothing is read or written
  const std::atomic<bool>* stop = nullptr;     // once it is true the file at hand is given up
  // Called as bytes are written, on the calling thread.
  std::function<void(const struct ReencryptDatabaseReport&)> progress = {};
};

struct ReencryptDatabaseReport {
  // What there was to do, and what was done; sizes on the disk as they were.
  uint64_t files_to_do = 0;
  uint64_t bytes_to_do = 0;
  uint64_t files = 0;
  uint64_t bytes = 0;
  bool stopped = false;
  // What still has a file key that such a key protected, and when it goes, or why not: at most kNamesMax by name.
  struct Left {
    std::string path;
    std::string when;
  };
  static constexpr size_t kNamesMax = 100;
  uint64_t files_left = 0;
  std::vector<Left> left;
};

// Gives such files of the database another file key, under their domain's active key: each is copied beside itself,
// made durable, and takes its own place by a rename. RocksDB goes on with what it has open; levels, sequence numbers,
// snapshots, iterators, compression and caches are as they were. Write-ahead logs end by a flush of `families`, which
// should be all there are. What RocksDB alone can make anew (MANIFEST, CURRENT, the info log) is in `left`.
// Only for databases on the operating system's files. kBusy while another re-encryption of the coffer is at work;
// kPlaintext where the database was not opened through a coffer. Interrupted at any instant it leaves each name to the
// old file or the new one, and is to be repeated.
Result<ReencryptDatabaseReport> reencrypt_database(::rocksdb::DB& db, std::shared_ptr<Coffer> coffer,
                                                   const std::vector<::rocksdb::ColumnFamilyHandle*>& families,
                                                   const ReencryptDatabaseOptions& options = {}) noexcept;

// Re-encrypts by itself, in a thread of its own, what compromised keys protected, as soon as it is known here that they
// are, and what the coffer's policy has re-encrypted, when it is due. Its destruction ends that, and waits for it.
class FollowedReencryption {
 public:
  virtual ~FollowedReencryption() = default;
  // Of the last run, or the one at work.
  virtual ReencryptDatabaseReport last() const = 0;
  // Ok, or why the last run could not be made or ended: for a health check. What is merely left is in last().
  virtual Status condition() const = 0;
};
// `db`, and the handles, outlive what it returns. Of `options` it goes by domain, rate, suspend and progress.
Result<std::unique_ptr<FollowedReencryption>> follow_reencryption(
    ::rocksdb::DB& db, std::shared_ptr<Coffer> coffer, const std::vector<::rocksdb::ColumnFamilyHandle*>& families,
    const ReencryptDatabaseOptions& options = {}) noexcept;

}  // namespace coffer
