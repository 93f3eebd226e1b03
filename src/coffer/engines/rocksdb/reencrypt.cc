#include "coffer/engines/rocksdb/reencrypt.h"

#include <algorithm>
#include <mutex>
#include <set>
#include <thread>

#include "coffer/base/clock.h"
#include "coffer/engines/rocksdb/coffer_file_system.h"
#include "coffer/engines/rocksdb/database_files.h"
#include "coffer/engines/rocksdb/opening.h"
#include "coffer/files/successor.h"
#include "coffer/store/runs.h"

namespace coffer {
namespace {

using rocks::OldFile;
using rocks::Renewal;
using std::chrono::milliseconds;
using Families = std::vector<::rocksdb::ColumnFamilyHandle*>;

constexpr milliseconds kNap{50};
// How often it looks again while RocksDB deletes or finishes files, before they are left.
constexpr int kNapsMax = 40;
constexpr int kFlushesMax = 3;

Result<CondemnedKeys> condemned(const Coffer& coffer, const ReencryptDatabaseOptions& options) {
  const std::shared_ptr<const Keyring> held = coffer.keyring();
  const Keyring& keyring = *held;
  const Domain* domain = keyring.find_domain(options.domain);
  if (!options.domain.empty() && domain == nullptr) {
    return {Code::kNotFound, "no domain \"" + options.domain + "\" in the keyring; coffer domain list shows them"};
  }
  if (options.key == 0) {
    return options.which == ReencryptDatabaseOptions::Which::kOutdated
               ? CondemnedKeys::all_but_active(keyring, options.domain)
               : CondemnedKeys::due(keyring, *coffer.policy().present(), now_seconds(), options.domain);
  }
  if (domain == nullptr) return {Code::kInvalidArgument, "a key's number, and no domain; name the domain, too"};
  for (const DomainKeyEntry& key : domain->keys) {
    if (key.version != options.key) continue;
    if (key.state != KeyState::kActive) return CondemnedKeys::one(*domain, key);
    return {Code::kInvalidArgument, "key " + std::to_string(key.version) + " is the active one of " + domain->name +
                                        "; rotate the domain first"};
  }
  return {Code::kNotFound, "no key " + std::to_string(options.key) + " of domain " + domain->name + " in the keyring"};
}

// One run. Each round looks at all files and does what can be done; one that can do nothing has what is left.
class DatabaseReencrypter {
 public:
  DatabaseReencrypter(::rocksdb::DB& db, Coffer& coffer, const Families& families,
                      const ReencryptDatabaseOptions& options)
      : db_(db),
        coffer_(coffer),
        families_(families),
        options_(options),
        directories_(rocks::directories_of(db, families)),
        rates_(coffer.disk(), coffer.directory() + "/reencrypt.rate", {}, coffer.policy().present()->reencrypt_rate),
        pace_({.rate = [this] { return rate(); }, .stop = [this] { return is_stopped(); }}),
        successors_({.coffer = coffer,
                     .pace = pace_,
                     .written = [this](uint64_t bytes) { tell(bytes); },
                     .may_replace_unclosed = [](const std::string&) { return Status::ok(); },
                     .while_taking =
                         [](const std::function<Status()>& taking) {
                           std::unique_lock succession(rocks::successions());
                           return taking();
                         }}) {}

  Result<ReencryptDatabaseReport> run() {
    auto report = work();
    if (!record_) return report;
    if (report.is_ok()) {
      record_->end(progress_of(*report), report->files_left, report->stopped);
    } else {
      record_->fail(report.status());
    }
    return report;
  }

 private:
  Result<ReencryptDatabaseReport> work() {
    COFFER_TRY(remove_leftovers());
    for (int naps = 0;;) {
      COFFER_ASSIGN(std::vector<OldFile> old, find());
      if (rounds_++ == 0) estimate(old);
      COFFER_ASSIGN(const bool did_something, round(old));
      if (is_stopped()) report_.stopped = true;
      if (report_.stopped || (!did_something && (!may_go_by_itself(old) || naps++ == kNapsMax))) return leave(old);
      if (!did_something) std::this_thread::sleep_for(kNap);
    }
  }

  Rate rate() {
    if (options_.suspend != nullptr && *options_.suspend) return 0;
    const Rate asked = options_.rate ? options_.rate() : Rate();
    return asked ? asked : rates_.now();
  }
  bool is_stopped() const { return options_.stop != nullptr && *options_.stop; }

  Result<std::vector<OldFile>> find() {
    COFFER_ASSIGN(const CondemnedKeys keys, condemned(coffer_, options_));
    if (keys.empty()) return std::vector<OldFile>();
    return rocks::find_old_files(coffer_, db_, directories_, keys);
  }

  void estimate(const std::vector<OldFile>& old) {
    report_.files_to_do = old.size();
    for (const OldFile& file : old) report_.bytes_to_do += file.info.size;
    tell(0);
  }

  // Whether anything has changed by it.
  Result<bool> round(const std::vector<OldFile>& old) {
    bool did_something = false;
    for (const OldFile& file : old) {
      if (is_stopped()) break;
      if (file.renewal != Renewal::kSuccessor || !file.trouble.is_ok() || troubles_.contains(file.path)) continue;
      COFFER_ASSIGN(const bool replaced, replace(file));
      did_something = did_something || replaced;
    }
    COFFER_TRY(successors_.sync_names());
    const bool has_log = std::ranges::any_of(old, [](const OldFile& file) { return file.renewal == Renewal::kFlush; });
    if (has_log && !is_stopped() && flushes_++ < kFlushesMax) COFFER_TRY(flush());
    return did_something;
  }

  Result<bool> replace(const OldFile& file) {
    written_ = 0;
    Status status = successors_.replace({file.path}, file.role);
    written_ = 0;
    if (status.is_ok()) {
      ++report_.files;
      report_.bytes += file.info.size;
      tell(0);
      return true;
    }
    // Without room the next one will do no better.
    if (status.code() == Code::kNoSpace) return status;
    if (status.code() == Code::kBusy && is_stopped()) return false;
    // Deleted, or its domain rotated, meanwhile: the next round has what is there then.
    if (status.code() == Code::kNotFound || status.code() == Code::kConflict) return ++conflicts_ < kConflictsMax;
    troubles_.emplace(file.path, std::move(status));
    return false;
  }

  // Begins another log, and lets RocksDB delete those that it needed before. Does nothing where nothing was written.
  Status flush() {
    if (families_.empty()) return Status::ok();
    ::rocksdb::FlushOptions how;
    how.allow_write_stall = true;
    const ::rocksdb::Status flushed = db_.Flush(how, families_);
    if (flushed.ok()) return Status::ok();
    return {Code::kIo, db_.GetName() + ": RocksDB cannot flush: " + flushed.ToString()};
  }

  static bool may_go_by_itself(const std::vector<OldFile>& old) {
    return std::ranges::any_of(old, [](const OldFile& file) {
      return file.renewal == Renewal::kFlush || file.renewal == Renewal::kUnfinished ||
             file.renewal == Renewal::kDeletion;
    });
  }

  // What a crash left of earlier runs. A file with further names may have taken one of them: that is for
  // `coffer reencrypt`, at rest, to finish.
  Status remove_leftovers() {
    for (const std::string& directory : directories_) {
      auto entries = coffer_.disk().list(directory);
      if (entries.code() == Code::kNotFound) continue;
      COFFER_TRY(entries.status());
      for (const DirectoryEntry& entry : *entries) {
        const std::string path = directory + "/" + entry.name;
        if (!is_successor(path) || entry.is_directory || entry.is_link) continue;
        COFFER_ASSIGN(const FileInfo info, coffer_.disk().info(path));
        if (info.link_count == 1) COFFER_TRY(coffer_.disk().remove(path));
      }
    }
    return Status::ok();
  }

  Result<ReencryptDatabaseReport> leave(const std::vector<OldFile>& last) {
    std::vector<OldFile> old = last;
    if (report_.stopped) {
      COFFER_ASSIGN(old, find());
    }
    report_.files_left = old.size();
    for (const OldFile& file : old) {
      if (report_.left.size() == ReencryptDatabaseReport::kNamesMax) break;
      const auto troubled = troubles_.find(file.path);
      const Status& trouble = troubled != troubles_.end() ? troubled->second : file.trouble;
      report_.left.push_back(
          {file.path, trouble.is_ok() ? std::string(rocks::when_text(file.renewal)) : trouble.to_string()});
    }
    return std::move(report_);
  }

  void tell(uint64_t bytes) {
    written_ += bytes;
    ReencryptDatabaseReport so_far = report_;
    so_far.bytes += written_;
    // One that finds nothing to do leaves no record: somebody may look every minute.
    if (bytes > 0 && !record_) record_.emplace(coffer_.disk(), coffer_.directory(), "reencrypt served", db_.GetName());
    if (record_) record_->tell(progress_of(so_far));
    if (options_.progress) options_.progress(so_far);
  }

  static Run::Progress progress_of(const ReencryptDatabaseReport& report) {
    return {.files_to_do = report.files_to_do,
            .files = report.files,
            .bytes_to_do = report.bytes_to_do,
            .bytes = report.bytes};
  }

  static constexpr int kConflictsMax = 100;

  ::rocksdb::DB& db_;
  Coffer& coffer_;
  const Families families_;
  const ReencryptDatabaseOptions& options_;
  const std::vector<std::string> directories_;
  RateFile rates_;
  Pace pace_;
  Successors successors_;
  ReencryptDatabaseReport report_;
  std::optional<Run> record_;
  int rounds_ = 0, flushes_ = 0, conflicts_ = 0;
  uint64_t written_ = 0;                    // of the file at hand
  std::map<std::string, Status> troubles_;  // files that cannot be written anew
};

Status check_encrypted(::rocksdb::DB& db, Coffer& coffer) {
  const std::string path = db.GetName() + "/CURRENT";
  COFFER_ASSIGN(auto file, coffer.disk().open_read(path));
  COFFER_ASSIGN(const FileHead head, read_head(*file, path));
  return head.refusal;
}

Result<ReencryptDatabaseReport> run(::rocksdb::DB& db, Coffer& coffer, const Families& families,
                                    const ReencryptDatabaseOptions& options) {
  COFFER_TRY(coffer.at_home());
  COFFER_TRY(coffer.live_keyring().refresh());
  COFFER_TRY(condemned(coffer, options).status());
  COFFER_TRY(check_encrypted(db, coffer));
  auto alone = coffer.disk().lock(coffer.directory() + "/reencrypt.lock", false);
  if (alone.code() == Code::kBusy) {
    return {Code::kBusy, "another re-encryption of " + coffer.directory() + " is at work; wait for it or stop it"};
  }
  COFFER_TRY(alone.status());
  return DatabaseReencrypter(db, coffer, families, options).run();
}

}  // namespace

Result<ReencryptDatabaseReport> reencrypt_database(::rocksdb::DB& db, std::shared_ptr<Coffer> coffer,
                                                   const Families& families,
                                                   const ReencryptDatabaseOptions& options) noexcept {
  return rocks::no_throw<ReencryptDatabaseReport>([&] { return run(db, *coffer, families, options); });
}

}  // namespace coffer
