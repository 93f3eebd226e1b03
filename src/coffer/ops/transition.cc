#include "coffer/ops/transition.h"

#include <algorithm>
#include <array>

#include "coffer/base/clock.h"
#include "coffer/base/path.h"
#include "coffer/files/engine_files.h"
#include "coffer/files/freshness_check.h"
#include "coffer/files/plaintext_list.h"
#include "coffer/files/successor.h"
#include "coffer/ops/at_rest.h"
#include "coffer/ops/stores.h"
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
  std::pair<uint64_t, uint64_t> inode;
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
                     .may_replace_unclosed = {}}) {}

  // No link is in the way, and no leftover: nothing is written here.
  Result<TransitionReport> list() {
    COFFER_TRY(keep_engines_out());
    COFFER_TRY(survey());
    COFFER_TRY(settle_leftovers());
    if (!report_.problems.empty() || to_do_.empty()) return std::move(report_);
    std::map<std::string, PlaintextFiles> stores;
    COFFER_TRY(visit_files(coffer_, paths_, [&](const InventoryFile& file) {
      if (file.leads_outside || file.status.code() != Code::kPlaintext || !options_.files->is_of_engine(file.path)) {
        return Status::ok();
      }
      const std::string path = absolute_path(file.path);
      const std::string directory = options_.files->place_of(path).store_directory;
      stores[directory].emplace(path.substr(directory.size() + 1), file.size);
      ++report_.done;
      report_.bytes += file.size;
      return Status::ok();
    }));
    report_.begun = true;
    for (const auto& [directory, files] : stores) {
      COFFER_ASSIGN(const Id store, coffer_.stores().store_for({.directory = directory, .confirms = true}));
      COFFER_TRY(begin_plaintext_list(coffer_, store, files));
    }
    return std::move(report_);
  }

  Result<TransitionReport> run() {
    COFFER_TRY(keep_engines_out());
    COFFER_TRY(survey());
    COFFER_TRY(settle_leftovers());
    COFFER_TRY(check_links());
    if (towards_ == Towards::kPlaintext && report_.problems.empty()) COFFER_TRY(prove_all());
    if (!report_.problems.empty()) return std::move(report_);
    if (!to_do_.empty()) COFFER_TRY(begin());
    for (int round = 0; round < kTransitionRoundsMax && !to_do_.empty(); ++round) {
      COFFER_TRY(change_all());
      if (report_.stopped || !report_.problems.empty()) return std::move(report_);
      COFFER_TRY(survey());  // that finds nothing: the proof
    }
    for (const ToChange& file : to_do_) note(file.path, {Code::kConflict, file.path + ": came meanwhile; repeat"});
    if (!report_.problems.empty()) return std::move(report_);
    COFFER_TRY(shorten_lists());
    if (towards_ == Towards::kPlaintext) COFFER_TRY(let_stores_go());
    return std::move(report_);
  }

 private:
  using Inode = std::pair<uint64_t, uint64_t>;

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

  Status survey() {
    to_do_.clear();
    names_.clear();
    leftovers_.clear();
    report_.left.clear();
    if (!report_.begun) report_.current = 0;
    report_.files_to_do = report_.done;
    report_.bytes_to_do = report_.bytes;
    return visit_files(coffer_, paths_, [&](const InventoryFile& file) { return sort(file); });
  }

  Status sort(const InventoryFile& file) {
    if (file.leads_outside) {
      note(file.path,
           {Code::kUnsupported, file.path + ": leads out of what is changed over; name the place it leads to "
                                            "instead, or take the link away"});
      return Status::ok();
    }
    COFFER_TRY(at_rest_.keep_out(file.path));
    const Inode inode{file.info.device, file.info.inode};
    if (is_successor(file.path)) {
      leftovers_.emplace_back(file.path, inode);
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
    if (file.info.link_count > 1) {
      names_[inode].push_back(file.path);
      link_counts_[inode] = file.info.link_count;
      if (names_[inode].size() > 1) return Status::ok();
    }
    if (towards_ == Towards::kPlaintext) take_keys(file.scan);
    to_do_.push_back({file.path, inode, file.size, options_.files->turn_of(file.path)});
    ++report_.files_to_do;
    report_.bytes_to_do += file.size;
    return Status::ok();
  }

  void take_keys(const EnvelopeScan& scan) {
    for (const Id& key : keys_needed(scan)) keys_.insert(key);
    stores_.insert(scan.fields.store_id);
  }

  Status settle_leftovers() {
    if (leftovers_.empty()) return Status::ok();
    for (const auto& [path, inode] : leftovers_) {
      // One that has a place already has other names, which are counted under what they are by now.
      COFFER_TRY(successors_.settle(path, has_a_place(inode)));
    }
    COFFER_TRY(successors_.sync_names());
    report_.problems.clear();
    return survey();
  }

  bool has_a_place(const Inode& inode) const {
    bool found = false;
    const Status walked = visit_files(coffer_, paths_, [&](const InventoryFile& file) {
      found = found ||
              (!file.leads_outside && !is_successor(file.path) && Inode(file.info.device, file.info.inode) == inode);
      return Status::ok();
    });
    return walked.is_ok() && found;
  }

  // T2
  Status check_links() {
    for (const auto& [inode, names] : names_) {
      if (names.size() == link_counts_.at(inode)) continue;
      note(names.front(), {Code::kUnsupported, names.front() + ": has " + std::to_string(link_counts_.at(inode)) +
                                                   " names, of which " + std::to_string(names.size()) +
                                                   " are in what is changed over: it would become two files; name the "
                                                   "directories of the others, too"});
    }
    return Status::ok();
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
    return towards_ == Towards::kPlaintext ? give_up() : Status::ok();
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

  // The marks of a store that was put back must not vanish unseen. Then its keys, before anything stands there in
  // clear.
  Status give_up() {
    for (const std::string& path : paths_) COFFER_TRY(ensure_fresh(coffer_, path));
    COFFER_TRY(expose_keys());
    if (coffer_.freshness() == nullptr) return Status::ok();
    for (const Id& store : stores_) COFFER_TRY(coffer_.freshness()->reset(store));
    return Status::ok();
  }

  Status expose_keys() {
    const auto expose = [&](Keyring& keyring) -> Status {
      report_.exposed.clear();
      for (const Id& id : keys_) {
        const FoundKey found = keyring.find_key(id);
        if (found.entry == nullptr || found.entry->state >= KeyState::kCompromised) continue;
        report_.exposed.push_back(found.domain->name + ":" + std::to_string(found.entry->version));
        COFFER_TRY(keyring.change_key(id, KeyState::kCompromised, now_seconds()));
      }
      return Status::ok();
    };
    const std::shared_ptr<const Keyring> keys = coffer_.keyring();
    const bool all_were = std::ranges::all_of(keys_, [&](const Id& id) {
      const DomainKeyEntry* entry = keys->find_key(id).entry;
      return entry == nullptr || entry->state >= KeyState::kCompromised;
    });
    if (all_were) return Status::ok();  // by a run that was interrupted
    return coffer_.live_keyring().update(
        expose, "coffer decrypt: files under these keys are written in clear: " + paths_.front());
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
    const auto several = names_.find(file.inode);
    const std::vector<std::string> names = several != names_.end() ? several->second : std::vector{file.path};
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

  // Of stores that were brought over while they were served.
  Status shorten_lists() {
    for (const StoreInTransition& store : stores_in_transition(coffer_)) {
      const bool is_here = std::ranges::any_of(
          paths_, [&](const std::string& path) { return is_within(store.directory, absolute_path(path)); });
      if (!is_here) continue;
      const PlaintextFiles left = towards_ == Towards::kEncrypted ? store.left : PlaintextFiles();
      COFFER_TRY(shorten_plaintext_list(coffer_, store.store, left));
    }
    return Status::ok();
  }

  Status let_stores_go() {
    const std::shared_ptr<const Keyring> keys = coffer_.keyring();
    for (const StoreEntry& store : keys->stores()) {
      const std::string here = coffer_.places().here(store.path);
      const bool is_here = std::ranges::any_of(paths_, [&](const std::string& path) {
        const Place place = coffer_.places().of_directory(*keys, absolute_path(path));
        return (place.store == &store && place.exact) || is_within(here, absolute_path(path));
      });
      if (!is_here) continue;
      const Status forgotten = forget_store(coffer_, store.id);
      // Some of its files may be elsewhere: linked, or in directories that were not named.
      if (forgotten.code() != Code::kInvalidArgument) COFFER_TRY(forgotten);
    }
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
  TransitionReport report_;
  std::vector<ToChange> to_do_;
  std::map<Inode, std::vector<std::string>> names_;  // of files that have several
  std::map<Inode, uint64_t> link_counts_;
  std::vector<std::pair<std::string, Inode>> leftovers_;
  std::set<Id> keys_, stores_;  // of what becomes plaintext
  uint64_t written_ = 0;        // of the file at hand
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
