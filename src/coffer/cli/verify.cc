// coffer verify: every chunk of every file is read and authenticated.
#include "coffer/ops/verify.h"

#include <fmt/format.h>

#include "coffer/cli/commands.h"
#include "coffer/cli/engines.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/problem.h"
#include "coffer/cli/progress.h"
#include "coffer/cli/text.h"
#include "coffer/engines/rocksdb/file_name.h"
#include "coffer/files/freshness_check.h"

namespace coffer::cli {
namespace {

// What is worth knowing about a file that is not wrong; empty for most.
std::string remark_on(const VerifiedFile& file) {
  const FileFindings& findings = file.findings;
  if (file.leads_outside) return "a link out of the store: not followed";
  switch (file.unjudged) {
    case Unjudged::kNo: break;
    case Unjudged::kBeingWritten: return "being written: not judged yet";
    case Unjudged::kUnfinished: return "left unfinished by a crash: its database does not rely upon it";
    case Unjudged::kOnItsWayOut: return "being deleted: not judged";
  }
  if (!findings.authenticated) {
    return fmt::format("{}, not closed: nothing proves its contents", kind_name(file.fields.kind));
  }
  if (findings.torn_bytes > 0) return fmt::format("{} torn off at the end by a crash", size_text(findings.torn_bytes));
  if (findings.damaged_slot) return "one of its two headers is damaged: coffer rewrap mends it";
  if (!findings.closed) return "not closed: in use, or left by a crash";
  return "";
}

class VerifyReport {
 public:
  void add(const VerifiedFile& file) {
    if (!file.leads_outside) ++files_;
    bytes_ += file.size;
    if (file.unjudged == Unjudged::kBeingWritten) ++unjudged_;
    if (file.empty) {
      ++empty_;
    } else if (!file.status.is_ok()) {
      problems_.emplace_back(file.path, file.status);
    } else if (std::string remark = remark_on(file); !remark.empty()) {
      remarks_.emplace_back(file.path, std::move(remark));
    }
  }

  void add(const MissingStore& store) {
    problems_.emplace_back(store.path, Status(Code::kNotFound, std::string(missing_text(store))));
  }

  void add(const StoreEntry& store, const Status& freshness) {
    if (!freshness.is_ok()) problems_.emplace_back(store.path, freshness);
  }

  uint64_t files() const { return files_; }
  uint64_t bytes() const { return bytes_; }
  bool clean() const { return problems_.empty(); }

  std::string text(double seconds) const {
    std::string out;
    for (const auto& [path, status] : problems_) out += problem_text(path, status);
    for (const auto& [path, remark] : remarks_) out += fmt::format("{}: note: {}\n", printable(path), remark);
    out += fmt::format("read {} in {}, {}: ", size_text(bytes_), count_text(files_, "file"), duration_text(seconds));
    if (problems_.empty()) {
      out += "all as written";
    } else {
      out += count_text(problems_.size(), "problem");
    }
    if (empty_ > 0) out += fmt::format(" ({} empty)", empty_);
    if (unjudged_ > 0) out += fmt::format(" ({} not judged yet)", unjudged_);
    return out + "\n";
  }

  Json json() const {
    Json problems = Json::array();
    for (const auto& [path, status] : problems_) problems.push_back(problem_json(path, status));
    Json notes = Json::array();
    for (const auto& [path, remark] : remarks_) notes.push_back({{"path", path}, {"note", remark}});
    return {{"files", files_},
            {"bytes", bytes_},
            {"empty", empty_},
            {"not_judged_yet", unjudged_},
            {"problems", std::move(problems)},
            {"notes", std::move(notes)}};
  }

 private:
  uint64_t files_ = 0;
  uint64_t bytes_ = 0;
  uint64_t empty_ = 0;
  uint64_t unjudged_ = 0;
  std::vector<std::pair<std::string, Status>> problems_;
  std::vector<std::pair<std::string, std::string>> remarks_;
};

Result<Outcome> run_verify(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer_for_paths(arguments, arguments.list("PATH")));
  const std::vector<std::string>& paths = arguments.list("PATH");
  Progress progress(!console.json());
  uint64_t bytes = 0;
  if (progress.enabled()) {
    COFFER_TRY(visit_files(*coffer, paths, [&](const InventoryFile& file) {
      bytes += file.size;
      return Status::ok();
    }));
  }
  VerifyReport report;
  COFFER_TRY(
      verify(*coffer, paths, {.role_of = rocks::role_of, .records = &engine_records()}, [&](const VerifiedFile& file) {
        report.add(file);
        progress.show("verifying", report.bytes(), bytes,
                      fmt::format("{} in {}", size_text(report.bytes()), count_text(report.files(), "file")));
        return Status::ok();
      }));
  progress.erase();
  if (paths.empty()) {
    for (const MissingStore& store : missing_stores(*coffer)) report.add(store);
    for (const auto keyring = coffer->keyring(); const StoreEntry& store : coffer->places().stores(*keyring)) {
      if (coffer->stores().is_present(store)) report.add(store, check_freshness(*coffer, store));
    }
  }
  console.answer(report.json(), report.text(progress.seconds()));
  return report.clean() ? Outcome::kDone : Outcome::kProblemsFound;
}

}  // namespace

Command verify_command() {
  return {
      .name = "verify",
      .about = "reads every chunk of every file and says what is wrong with which",
      .operands = {coffer_operand(), paths_operand()},
      .flags = {as_flag(), root_flag()},
      .examples = {"verify /var/lib/db.coffer", "verify /var/lib/db.coffer /var/lib/db/000012.sst"},
      .run = run_verify,
  };
}

}  // namespace coffer::cli
