// The thread that re-encrypts a served database by itself.
#include <mutex>

#include "coffer/base/clock.h"
#include "coffer/base/interval_thread.h"
#include "coffer/engines/rocksdb/opening.h"
#include "coffer/engines/rocksdb/reencrypt.h"
#include "coffer/files/condemned_keys.h"
#include "coffer/store/coffer.h"

namespace coffer {
namespace {

constexpr std::chrono::seconds kLookInterval{5};
// Where something was left: it may have gone, or become something that can be written anew.
constexpr std::chrono::seconds kRepeatIntervalMin{60};
// What is left may be so until the database is opened again, and each run looks at every file.
constexpr std::chrono::seconds kRepeatIntervalMax{3600};

class Following final : public FollowedReencryption {
 public:
  Following(::rocksdb::DB& db, std::shared_ptr<Coffer> coffer,
            const std::vector<::rocksdb::ColumnFamilyHandle*>& families, const ReencryptDatabaseOptions& options)
      : db_(db), coffer_(std::move(coffer)), families_(families), options_(options), progress_(options.progress) {
    options_.which = ReencryptDatabaseOptions::Which::kDue;
    options_.stop = &stop_;
    options_.progress = [this](const ReencryptDatabaseReport& so_far) { take(so_far); };
    thread_.start([this] { return look(); });
  }
  ~Following() override {
    stop_ = true;
    thread_.stop();
  }

  ReencryptDatabaseReport last() const override {
    std::lock_guard lock(mutex_);
    return last_;
  }
  Status condition() const override {
    std::lock_guard lock(mutex_);
    return condition_;
  }

 private:
  std::chrono::milliseconds look() {
    coffer_->live_keyring().refresh_without_waiting();
    const CondemnedKeys due =
        CondemnedKeys::due(*coffer_->keyring(), *coffer_->policy().present(), now_seconds(), options_.domain);
    const auto now = std::chrono::steady_clock::now();
    const bool is_new = !(due == seen_);
    if (stop_ || due.empty() || (!is_new && (done_ || now < repeat_))) return kLookInterval;
    auto report = reencrypt_database(db_, coffer_, families_, options_);
    if (report.code() == Code::kBusy) return kLookInterval;  // another run is at work
    repeat_interval_ = is_new ? kRepeatIntervalMin : std::min(2 * repeat_interval_, kRepeatIntervalMax);
    seen_ = due;
    done_ = report.is_ok() && report->files_left == 0 && !report->stopped;
    repeat_ = now + repeat_interval_;
    log(report);
    std::lock_guard lock(mutex_);
    condition_ = report.status();
    if (report.is_ok()) last_ = std::move(*report);
    return kLookInterval;
  }

  void log(const Result<ReencryptDatabaseReport>& report) const {
    const std::shared_ptr<::rocksdb::Logger> info_log = db_.GetDBOptions().info_log;
    if (!report.is_ok()) {
      ::rocksdb::Warn(info_log, "[coffer] re-encryption failed: %s", report.status().to_string().c_str());
    } else if (report->files > 0 || report->files_left > 0) {
      ::rocksdb::Info(
          info_log, "[coffer] re-encryption: %llu files have new keys, %llu are left%s%s",
          static_cast<unsigned long long>(report->files), static_cast<unsigned long long>(report->files_left),
          report->left.empty() ? "" : ", the first: ", report->left.empty() ? "" : report->left.front().path.c_str());
    }
  }

  void take(const ReencryptDatabaseReport& so_far) {
    if (progress_) progress_(so_far);
    std::lock_guard lock(mutex_);
    last_ = so_far;
  }
  ::rocksdb::DB& db_;
  const std::shared_ptr<Coffer> coffer_;
  const std::vector<::rocksdb::ColumnFamilyHandle*> families_;
  ReencryptDatabaseOptions options_;
  const std::function<void(const ReencryptDatabaseReport&)> progress_;
  std::atomic<bool> stop_{false};
  // Of the thread.
  CondemnedKeys seen_;
  bool done_ = false;
  std::chrono::steady_clock::time_point repeat_{};
  std::chrono::seconds repeat_interval_ = kRepeatIntervalMin;

  mutable std::mutex mutex_;
  ReencryptDatabaseReport last_;
  Status condition_;
  IntervalThread thread_;  // last: it uses the others
};

}  // namespace

Result<std::unique_ptr<FollowedReencryption>> follow_reencryption(
    ::rocksdb::DB& db, std::shared_ptr<Coffer> coffer, const std::vector<::rocksdb::ColumnFamilyHandle*>& families,
    const ReencryptDatabaseOptions& options) noexcept {
  using Followed = std::unique_ptr<FollowedReencryption>;
  return rocks::no_throw<Followed>([&]() -> Result<Followed> {
    COFFER_TRY(coffer->at_home());
    return Followed(std::make_unique<Following>(db, std::move(coffer), families, options));
  });
}

}  // namespace coffer
