#include "coffer/ops/transition.h"

#include <algorithm>
#include <array>

#include "coffer/base/path.h"
#include "coffer/files/engine_files.h"
#include "coffer/ops/given_up.h"
#include "coffer/ops/plaintext_lists.h"
#include "coffer/ops/survey.h"
#include "coffer/ops/verify.h"

namespace coffer {
namespace {

constexpr int kTransitionRoundsMax = 3;
// More than any header, and than the tags of the smallest chunk take of a byte.
constexpr uint64_t kGrowthOfFile = 32 * 1024;
constexpr uint64_t kGrowthShare = 32;

enum class Towards : uint8_t { kEncrypted, kPlaintext };

struct ToChange {
  std::string path;
  Survey::Inode inode;
  uint64_t link_count = 1;
  uint64_t size = 0;
  EngineFiles::Turn turn = EngineFiles::Turn::kAmong;
};

class Transition {
 public:
  Transition(Coffer& coffer, const std::vector<std::string>& paths, const TransitionOptions& options, Towards towards,
             const TransitionProgress& progress)
      : coffer_(coffer),
        paths_(paths),
        options_(options),
        towards_(towards),
        progress_(progress),
        pace_(options.pace),
        at_rest_(coffer, options.records),
        successors_({.coffer = coffer,
                     .pace = pace_,
                     .written = [this](uint64_t bytes) { tell(bytes); },
                     .may_replace_unclosed = {}}),
        survey_(coffer, paths, "changed over", at_rest_, successors_),
        given_up_(coffer, paths) {}

  // No link is in the way, and no leftover: nothing is written here.
  Result<TransitionReport> list() {
    COFFER_TRY(keep_engines_out());
    COFFER_TRY(look());
    if (!report_.problems.empty() || to_do_.empty()) return std::move(report_);
    report_.begun = true;
    COFFER_TRY(begin_lists(coffer_, paths_, *options_.files, [&](const InventoryFile& file) {
      ++report_.done;
      report_.bytes += file.size;
    }));
    return std::move(report_);
  }

  Result<TransitionReport> run() {
    COFFER_TRY(keep_engines_out());
    COFFER_TRY(look());
    check_links();
    if (towards_ == Towards::kPlaintext && report_.problems.empty()) COFFER_TRY(prove_all());
    if (!report_.problems.empty()) return std::move(report_);
    if (!to_do_.empty()) COFFER_TRY(begin());
    for (int round = 0; round < kTransitionRoundsMax && !to_do_.empty(); ++round) {
      COFFER_TRY(change_all());
      if (report_.stopped || !report_.problems.empty()) return std::move(report_);
      COFFER_TRY(look());  // that finds nothing: the proof
    }
    for (const ToChange& file : to_do_) note(file.path, {Code::kConflict, file.path + ": came meanwhile; repeat"});
    if (!report_.problems.empty()) return std::move(report_);
    // Of stores that were brought over while they were served.
    COFFER_TRY(towards_ == Towards::kEncrypted ? shorten_lists(coffer_, paths_) : end_lists(coffer_, paths_));
    if (towards_ == Towards::kPlaintext) COFFER_TRY(given_up_.let_stores_go());
    return std::move(report_);
  }

 private:
  // A directory that is none of a database's shows nobody whose it is: one of its database has to be named with it.
  Status keep_engines_out() {
    bool has_database = false;
    for (const std::string& path : paths_) {
      COFFER_TRY(coffer_.disk().info(path).status());
      const std::string inside = path + "/CURRENT";
      has_database = has_database || !options_.records->database_of(coffer_.disk(), inside).empty();
      COFFER_TRY(at_rest_.keep_out(inside));
    }
    if (has_database) return Status::ok();
    return {Code::kInvalidArgument, paths_.front() +
                                        ": is no directory of a database: it has no CURRENT; name the "
                                        "database's, and beside it those that it has elsewhere"};
  }

  Status look() {
    return survey_.take({
        .begin = [this] { begin_look(); },
        .look = [this](const InventoryFile& file) { return sort(file); },
        .trouble = [this](const std::string& path, Status status) { note(path, std::move(status)); },
    });
  }

  void begin_look() {
    to_do_.clear();
    seen_.clear();
    report_.left.clear();
    report_.problems.clear();
    if (!report_.begun) report_.current = 0;
    report_.files_to_do = report_.done;
    report_.bytes_to_do = report_.bytes;
  }

  Status sort(const InventoryFile& file) {
    if (file.leads_outside) {
      note(file.path,
           {Code::kUnsupported, file.path + ": leads out of what is changed over; name the place it leads to "
                                            "instead, or take the link away"});
      return Status::ok();
    }
    if (file.empty) return Status::ok();
    const bool is_plaintext = file.status.code() == Code::kPlaintext;
    if (!is_plaintext && !file.status.is_ok()) {
      note(file.path, file.status);
      return Status::ok();
    }
    if (is_plaintext && !options_.files->is_of_engine(file.path)) {
      report_.left.push_back(file.path);
      return Status::ok();
    }
    if (is_plaintext != (towards_ == Towards::kEncrypted)) {
      if (!report_.begun) ++report_.current;
      return Status::ok();
    }
    if (file.info.link_count > 1 && !seen_.insert(Survey::inode_of(file)).second) return Status::ok();
    if (towards_ == Towards::kPlaintext) given_up_.take(file.scan);
    to_do_.push_back(
        {file.path, Survey::inode_of(file), file.info.link_count, file.size, options_.files->turn_of(file.path)});
    ++report_.files_to_do;
    report_.bytes_to_do += file.size;
    return Status::ok();
  }

  // Of a file in clear only those that are the engine's.
  Result<std::vector<std::string>> names_of(const ToChange& file) const {
    return survey_.names_of(file.path, file.inode, file.link_count, [this](const std::string& name) {
      return towards_ == Towards::kPlaintext || options_.files->is_of_engine(name);
    });
  }

  // T2
  void check_links() {
    for (const ToChange& file : to_do_) {
      if (Status names = names_of(file).status(); !names.is_ok()) note(file.path, std::move(names));
    }
  }

  // T2
  Status prove_all() {
    const VerifyOptions options{.role_of = options_.role_of, .records = options_.records};
    return verify(coffer_, paths_, options, [&](const VerifiedFile& file) {
      if (!file.status.is_ok() && file.status.code() != Code::kPlaintext) note(file.path, file.status);
      return Status::ok();
    });
  }

  Status begin() {
    COFFER_TRY(check_space());
    report_.begun = true;
    if (towards_ == Towards::kEncrypted) return Status::ok();
    return given_up_.expose(report_.exposed);
  }

  // T2
  Status check_space() const {
    if (!options_.free_bytes) return Status::ok();
    uint64_t largest = 0, growth = 0;
    for (const ToChange& file : to_do_) {
      const uint64_t grows = kGrowthOfFile + file.size / kGrowthShare;
      largest = std::max(largest, file.size + grows);
      if (towards_ == Towards::kEncrypted) growth += grows;
    }
    COFFER_ASSIGN(const uint64_t free, options_.free_bytes(paths_.front()));
    if (free >= largest + growth) return Status::ok();
    return {Code::kNoSpace, paths_.front() + ": " + std::to_string(free) + " bytes are free and " +
                                std::to_string(largest + growth) +
                                " may be needed; nothing was changed: make room and "
                                "repeat"};
  }

  Status change_all() {
    using Turn = EngineFiles::Turn;
    const std::array encrypting{Turn::kFirst, Turn::kAmong, Turn::kSecond};
    const std::array decrypting{Turn::kSecond, Turn::kAmong, Turn::kFirst};
    for (const Turn turn : towards_ == Towards::kEncrypted ? encrypting : decrypting) {
      for (const ToChange& file : to_do_) {
        if (file.turn == turn) COFFER_TRY(change(file));
        if (report_.stopped || !report_.problems.empty()) break;
      }
      // T1, on the disk as well.
      COFFER_TRY(successors_.sync_names());
      if (report_.stopped || !report_.problems.empty()) return Status::ok();
    }
    to_do_.clear();
    return Status::ok();
  }

  Status change(const ToChange& file) {
    if (options_.pace.stop && options_.pace.stop()) {
      report_.stopped = true;
      return Status::ok();
    }
    written_ = 0;
    COFFER_ASSIGN(const std::vector<std::string> names, names_of(file));
    const Status changed = towards_ == Towards::kEncrypted
                               ? successors_.encrypt(names, options_.files->place_of(absolute_path(file.path)))
                               : successors_.decrypt(names, options_.role_of(file.path));
    if (changed.code() == Code::kBusy && options_.pace.stop && options_.pace.stop()) {
      report_.stopped = true;
    } else if (!changed.is_ok()) {
      note(file.path, changed);
    } else {
      ++report_.done;
      report_.bytes += file.size;
    }
    written_ = 0;
    tell(0);
    return Status::ok();
  }

  void note(const std::string& path, Status status) { report_.problems.push_back({path, std::move(status)}); }

  // Called between the pieces of a file.
  void tell(uint64_t bytes) {
    written_ += bytes;
    if (!progress_) return;
    TransitionReport so_far = report_;
    so_far.bytes += written_;
    progress_(so_far);
  }

  Coffer& coffer_;
  const std::vector<std::string>& paths_;
  const TransitionOptions& options_;
  const Towards towards_;
  const TransitionProgress& progress_;
  Pace pace_;
  AtRest at_rest_;
  Successors successors_;
  Survey survey_;
  GivenUp given_up_;
  TransitionReport report_;
  std::vector<ToChange> to_do_;
  std::set<Survey::Inode> seen_;  // of those that have several names
  uint64_t written_ = 0;          // of the file at hand
};

Result<TransitionReport> change_over(Coffer& coffer, const std::vector<std::string>& paths,
                                     const TransitionOptions& options, Towards towards,
                                     const TransitionProgress& progress, bool only_lists = false) {
  COFFER_TRY(coffer.at_home());
  COFFER_TRY(coffer.live_keyring().refresh());
  if (paths.empty()) return {Code::kInvalidArgument, "no store is named; give its directory"};
  auto alone = coffer.disk().lock(coffer.directory() + "/reencrypt.lock", false);
  if (alone.code() == Code::kBusy) {
    return {Code::kBusy, "a re-encryption of " + coffer.directory() + " is at work; wait for it or stop it"};
  }
  COFFER_TRY(alone.status());
  Transition transition(coffer, paths, options, towards, progress);
  return only_lists ? transition.list() : transition.run();
}

}  // namespace

Result<TransitionReport> encrypt_stores(Coffer& coffer, const std::vector<std::string>& paths,
                                        const TransitionOptions& options, const TransitionProgress& progress) {
  return change_over(coffer, paths, options, Towards::kEncrypted, progress);
}

Result<TransitionReport> accept_plaintext_of(Coffer& coffer, const std::vector<std::string>& paths,
                                             const TransitionOptions& options) {
  return change_over(coffer, paths, options, Towards::kEncrypted, nullptr, true);
}

Result<TransitionReport> decrypt_stores(Coffer& coffer, const std::vector<std::string>& paths,
                                        const TransitionOptions& options, const TransitionProgress& progress) {
  return change_over(coffer, paths, options, Towards::kPlaintext, progress);
}

}  // namespace coffer
