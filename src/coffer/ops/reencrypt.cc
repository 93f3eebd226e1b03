#include "coffer/ops/reencrypt.h"

#include <algorithm>

#include "coffer/base/path.h"
#include "coffer/files/file_head.h"
#include "coffer/ops/keys.h"
#include "coffer/ops/survey.h"

namespace coffer {
namespace {

constexpr int kReencryptRoundsMax = 4;
constexpr std::string_view kNotReached = "not reached when it was stopped; repeat to go on";

// What makes a file one to be re-encrypted.
class Wanted {
 public:
  static Result<Wanted> parse(const Keyring& keyring, const ReencryptOptions& options) {
    Wanted out(options.domain, options.keys);
    if (!options.domain.empty() && keyring.find_domain(options.domain) == nullptr) {
      return {Code::kNotFound, "no domain \"" + options.domain + "\" in the keyring; coffer domain list shows them"};
    }
    if (options.key.empty()) return out;
    COFFER_ASSIGN(const FoundKey found, find_key(keyring, options.key));
    COFFER_TRY(out.take_key(*found.domain, *found.entry));
    return out;
  }

  // Whether the file, which is of this domain, is not as it should be.
  bool needs(const EnvelopeFields& fields, const Domain& domain, const Config& config) const {
    if (!is_of(domain)) return false;
    if (keys_) return keys_->ever_protected(fields, domain);
    return fields.oldest_key_version != fields.newest_key_version || !domain.is_current(fields.oldest_key_version) ||
           is_of_other_cipher(fields, domain.name, config);
  }
  bool is_of(const Domain& domain) const { return domain_.empty() || domain.name == domain_; }

 private:
  Wanted(std::string domain, std::optional<CondemnedKeys> keys) : domain_(std::move(domain)), keys_(std::move(keys)) {}

  Status take_key(const Domain& domain, const DomainKeyEntry& key) {
    if (!is_of(domain)) {
      return {Code::kInvalidArgument, "domain key " + key.id.short_hex() + " is of the domain " + domain.name};
    }
    if (key.state == KeyState::kActive) {
      return {Code::kInvalidArgument, "domain key " + key.id.short_hex() + " is the active one of " + domain.name +
                                          "; rotate the domain first: coffer rotate domain"};
    }
    domain_ = domain.name;
    keys_ = CondemnedKeys::one(domain, key);
    return Status::ok();
  }

  std::string domain_;
  std::optional<CondemnedKeys> keys_;
};

// The first round only looks: it keeps engines out, finds what crashes left, and all names of files that have several.
// Each later one visits every file and replaces those that need it; one that finds none is the proof.
class Reencrypter {
 public:
  Reencrypter(Coffer& coffer, const std::vector<std::string>& paths, const ReencryptOptions& options, Wanted wanted,
              const ReencryptProgress& progress)
      : coffer_(coffer),
        paths_(paths),
        options_(options),
        wanted_(std::move(wanted)),
        progress_(progress),
        pace_(options.pace),
        at_rest_(coffer, options.records),
        successors_({.coffer = coffer,
                     .pace = pace_,
                     .written = [this](uint64_t bytes) { tell(bytes); },
                     .may_replace_unclosed = [this](const std::string& path) { return at_rest_.whole_coffer(path); }}),
        survey_(coffer, paths, "re-encrypted", at_rest_, successors_) {}

  Result<ReencryptReport> run() {
    COFFER_TRY(look_first());
    for (int round = 1; round < kReencryptRoundsMax; ++round) {
      is_first_ = round == 1;
      found_any_ = false;
      COFFER_TRY(visit_files(coffer_, paths_, [&](const InventoryFile& file) { return visit(file); }));
      COFFER_TRY(successors_.sync_names());
      if (!found_any_ || report_.stopped) return leave();
    }
    for (auto& [path, status] : conflicts_) note(path, std::move(status));
    return leave();
  }

 private:
  Status look_first() {
    return survey_.take({
        .begin = [this] { report_.files_to_do = report_.bytes_to_do = 0; },
        .look =
            [this](const InventoryFile& file) {
              if (needs(file) && !survey_.is_further_name(file)) {
                ++report_.files_to_do;
                report_.bytes_to_do += file.size;
              }
              return Status::ok();
            },
        .trouble = [this](const std::string& path, Status status) { note(path, std::move(status)); },
    });
  }

  bool needs(const InventoryFile& file) const {
    if (file.empty || file.leads_outside || !file.status.is_ok()) return false;
    const std::shared_ptr<const Keyring> keys = coffer_.keyring();
    const Domain* domain = keys->find_key(file.scan.fields.domain_key_id).domain;
    return domain != nullptr && wanted_.needs(file.scan.fields, *domain, coffer_.config());
  }

  // Called between the pieces of a file.
  void tell(uint64_t bytes) {
    written_ += bytes;
    if (!progress_) return;
    ReencryptReport so_far = report_;
    so_far.bytes += written_;
    progress_(so_far);
  }

  Result<ReencryptReport> leave() {
    // Else the last round has shown that there is nothing.
    if (!report_.stopped && report_.problems.empty()) return std::move(report_);
    COFFER_TRY(visit_files(coffer_, paths_, [&](const InventoryFile& file) {
      if (file.empty || file.leads_outside || is_successor(file.path)) return Status::ok();
      const auto trouble = troubled_.find(file.path);
      if (!needs(file) && trouble == troubled_.end()) return Status::ok();
      if (++report_.files_left > ReencryptReport::kNamesMax) return Status::ok();
      report_.left.push_back({file.path, trouble != troubled_.end() ? trouble->second : std::string(kNotReached)});
      return Status::ok();
    }));
    return std::move(report_);
  }

  bool is_stopped() const { return options_.pace.stop && options_.pace.stop(); }

  void note(const std::string& path, Status status) {
    if (status.code() == Code::kNotFound || !troubled_.emplace(path, status.to_string()).second) return;
    report_.problems.push_back({path, std::move(status)});
  }

  Status visit(const InventoryFile& file) {
    if (file.empty || file.leads_outside || is_successor(file.path) || troubled_.contains(file.path))
      return Status::ok();
    if (report_.stopped || is_stopped()) {
      report_.stopped = true;
      return Status::ok();
    }
    if (is_first_) ++report_.files;
    if (!file.status.is_ok()) {
      note(file.path, file.status);
      return Status::ok();
    }
    COFFER_TRY(at_rest_.keep_out(file.path));  // one that came since the first look
    Status status = look_at(file);
    if (status.code() == Code::kConflict) {
      conflicts_[file.path] = std::move(status);
    } else if (status.code() == Code::kBusy && is_stopped()) {
      report_.stopped = true;
    } else if (!status.is_ok()) {
      note(file.path, judged(file.path, std::move(status)));
    }
    return Status::ok();
  }

  Status look_at(const InventoryFile& file) {
    // What its header says is believed once it is authentic.
    COFFER_TRY(coffer_.open_file(file.scan, file.path).status());
    if (!needs(file)) {
      if (is_first_ && is_asked_for(file)) ++report_.current;
      return Status::ok();
    }
    found_any_ = true;
    COFFER_ASSIGN(const std::vector<std::string> names,
                  survey_.names_of(file.path, Survey::inode_of(file), file.info.link_count));
    written_ = 0;
    COFFER_TRY(successors_.replace(names, role_of(file.path)));
    conflicts_.erase(file.path);
    ++report_.reencrypted;
    report_.bytes += file.size;
    written_ = 0;
    tell(0);
    return Status::ok();
  }

  bool is_asked_for(const InventoryFile& file) const {
    const std::shared_ptr<const Keyring> keys = coffer_.keyring();
    const Domain* domain = keys->find_key(file.scan.fields.domain_key_id).domain;
    return domain != nullptr && wanted_.is_of(*domain);
  }

  EngineRole role_of(const std::string& path) const {
    return options_.role_of != nullptr ? options_.role_of(path) : EngineRole::kOther;
  }

  // What looks damaged may never have been finished.
  Status judged(const std::string& path, Status status) const {
    const bool looks_unfinished =
        status.code() == Code::kTruncated || status.code() == Code::kTampered || status.code() == Code::kDamaged;
    if (!looks_unfinished || options_.records == nullptr ||
        options_.records->reliance_on(coffer_, path) != Reliance::kNo) {
      return status;
    }
    return {Code::kUnsupported, path +
                                    ": was left unfinished by a crash, and its database does not rely upon it; open " +
                                    "the store once with its engine, which removes it, and repeat"};
  }

  Coffer& coffer_;
  const std::vector<std::string>& paths_;
  const ReencryptOptions& options_;
  const Wanted wanted_;
  const ReencryptProgress& progress_;
  Pace pace_;
  AtRest at_rest_;
  Successors successors_;
  Survey survey_;
  ReencryptReport report_;
  bool is_first_ = true;
  bool found_any_ = false;  // in this round
  uint64_t written_ = 0;    // of the file at hand
  std::map<std::string, Status> conflicts_;
  std::map<std::string, std::string> troubled_;  // and why
};

}  // namespace

bool is_of_other_cipher(const EnvelopeFields& fields, std::string_view domain, const Config& config) {
  return fields.suite != config.suite_of(fields.kind, domain) ||
         fields.chunk_log2 != config.chunk_log2_of(fields.kind, domain);
}

Result<ReencryptReport> reencrypt(Coffer& coffer, const std::vector<std::string>& paths,
                                  const ReencryptOptions& options, const ReencryptProgress& progress) {
  COFFER_TRY(coffer.at_home());
  COFFER_TRY(coffer.live_keyring().refresh());
  COFFER_ASSIGN(Wanted wanted, Wanted::parse(*coffer.keyring(), options));
  auto alone = coffer.disk().lock(coffer.directory() + "/reencrypt.lock", false);
  if (alone.code() == Code::kBusy) {
    return {Code::kBusy, "another re-encryption of " + coffer.directory() + " is at work; wait for it or stop it"};
  }
  COFFER_TRY(alone.status());
  return Reencrypter(coffer, paths, options, std::move(wanted), progress).run();
}

}  // namespace coffer
