// What of an overview somebody has to know.
#include <algorithm>

#include "coffer/base/advice.h"
#include "coffer/base/period.h"
#include "coffer/ops/overview.h"
#include "coffer/ops/rollouts.h"

namespace coffer {
namespace {

std::string files_text(uint64_t files) { return std::to_string(files) + (files == 1 ? " file" : " files"); }

class Troubles {
 public:
  void wrong(std::string what, std::string why, std::string remedy) {
    found_.push_back({true, std::move(what), std::move(why), std::move(remedy)});
  }
  void advice(std::string what, std::string why, std::string remedy) {
    found_.push_back({false, std::move(what), std::move(why), std::move(remedy)});
  }
  // Nothing where it is ok. What to do next stands in the message, or is what is always said of its code.
  void status(const Status& status, std::string_view about, std::string why) {
    if (status.is_ok()) return;
    const Advice advice = advice_for(status);
    wrong(std::string(about) + ": " + advice.message, std::move(why), advice.hint);
  }
  void add(const Findings& findings) { found_.insert(found_.end(), findings.begin(), findings.end()); }
  Findings take() {
    std::stable_partition(found_.begin(), found_.end(), [](const Finding& each) { return each.wrong; });
    return std::move(found_);
  }

 private:
  Findings found_;
};

void judge_root(const Overview& overview, Troubles& out) {
  const KeyringCondition& condition = overview.condition;
  if (!overview.report.is_ok()) {
    out.add(examine_root(condition.root_key));
  } else if (const RootOutlook& outlook = overview.report->root.outlook; outlook.trouble != RootTrouble::kNone) {
    const bool away = outlook.trouble == RootTrouble::kUnreachable;
    const Advice advice = advice_for(condition.root_key);
    const std::string then = std::string(reaction_name(outlook.reaction, outlook.trouble));
    const std::string until = away ? "until " + utc_text(outlook.from) : "for a minute at most";
    out.wrong("the root key is " + std::string(trouble_name(outlook.trouble)) + " since " + utc_text(outlook.since) +
                  ": " + advice.message,
              "programs that serve go on " + until + ", then as " + (away ? "on_outage: " : "on_revoked: ") + then +
                  "; who opens the coffer next may not get it open",
              away ? "bring the key provider back: nothing is wrong with the data"
                   : "let the key back in, or coffer rotate root --to another one");
  }
  if (condition.opened_locally) {
    out.wrong("this agent opened the coffer by the local unlock of its machine",
              "without the root key nothing is changed", "bring the key provider back");
  }
  if (condition.copied != 0) {
    out.wrong("this agent opened the coffer by this node's copy of the keyring, of " + utc_text(condition.copied),
              "changes that others made since are not known here", "bring etcd back");
  }
}

void judge_keyring(const Overview& overview, Troubles& out) {
  const KeyringCondition& condition = overview.condition;
  const Status& refresh = overview.report.is_ok() ? overview.report->last_refresh : condition.last_refresh;
  out.status(refresh, "the keyring cannot be taken up as it is stored now",
             "keys that others rotated or took back are not known here");
  out.status(condition.fenced, "this agent has no keys", "the policy is not carried out");
  out.status(condition.copy, "no copy of the keyring is kept on this node", "a start without etcd is not possible");
  out.status(condition.node_slots_kept, "the slots of nodes cannot be kept",
             "nodes that start ask the key provider, each of them");
  out.status(condition.root_memory, "how the root key was found is not recorded",
             "after a restart nobody knows since when it is in trouble");
  out.status(condition.replaced, "what was replaced can still be read", "a destroyed key is in an old keyring");
}

void judge_files(const StatusReport& report, Troubles& out) {
  const Inventory& inventory = report.inventory;
  out.status(report.kept_counts, "counts of files are not to be believed", "what follows was counted anew");
  for (const MissingStore& each : inventory.missing_stores) {
    out.wrong("a store is " + std::string(each.gone ? "missing" : "empty") + ": " + each.path,
              "its files are counted nowhere: no key can be destroyed", std::string(missing_text(each)));
  }
  const auto count = [&](const Usage& usage, const std::string& what, std::string why) {
    if (usage.files == 0) return;
    out.wrong(files_text(usage.files) + " " + what, std::move(why), "coffer verify names them");
  };
  count(inventory.plaintext, "in clear in encrypted stores", "who has the disk reads them; nothing opens them");
  count(inventory.unreadable, "with a header that cannot be read", "they do not open");
  count(inventory.unknown_key, "under a key that this keyring does not have", "they do not open");
  for (const StoreInTransition& each : report.transitions) {
    const std::string what = "store " + each.directory + " still reads " + files_text(each.left.size()) + " in clear";
    if (each.list.is_ok()) {
      out.advice(what, "it is on its way from plaintext", "coffer store transition shows how far it has come");
    } else {
      out.status(each.list, what, "it is on its way from plaintext, and stopped");
    }
  }
  if (!report.looked_at_stores) {
    out.wrong("the stores were not looked at: this coffer is not where it was made", "it was copied or moved",
              "coffer status says what to do");
  }
}

void judge_rollouts(const StatusReport& report, Troubles& out) {
  for (const Rollout& rollout : report.keyring->rollouts()) {
    if (!rollout.is_halted()) continue;
    out.wrong("a rotation is halted: " + rollout_text(rollout, report.now), "its new key comes to no more nodes",
              "coffer rollout resume once it is mended, or coffer rollout undo");
  }
}

void judge_runs(const StatusReport& report, Troubles& out) {
  using State = RunRecord::State;
  if (report.runs.empty()) return;
  const RunRecord& last = report.runs.back();
  const bool failed = last.state == State::kFailed || last.state == State::kInterrupted;
  if (!failed && last.state != State::kLeft) return;
  const std::string what = "the last " + last.what + " (" + last.about + ") " +
                           (last.state == State::kLeft ? "left " + files_text(last.files_left)
                                                       : std::string(run_state_name(last.state))) +
                           (last.said.empty() ? "" : ": " + last.said);
  out.add({{failed, what, "old keys are still needed", "coffer runs has the details; repeat it to go on"}});
}

}  // namespace

Findings troubles_of(const Overview& overview) {
  Troubles out;
  if (!overview.opened.is_ok()) {
    out.status(overview.opened, "the coffer does not open",
               "the policy is not carried out, and no program that starts now gets it open");
    return out.take();
  }
  judge_root(overview, out);
  judge_keyring(overview, out);
  if (overview.report.is_ok()) {
    judge_files(*overview.report, out);
    judge_runs(*overview.report, out);
    judge_rollouts(*overview.report, out);
    out.add(examine_node_slots(overview.report->node_slots));
  } else {
    out.status(overview.report.status(), "the files were not looked at", "how they are is not known");
  }
  out.status(overview.policy.found, "the policy is not carried out", "keys grow older than it allows");
  out.status(overview.certificate, "this page goes on with the certificate of before",
             "who asks for it is refused once that has expired");
  if (overview.examined.findings.is_ok()) {
    out.add(*overview.examined.findings);
  } else {
    out.status(overview.examined.findings.status(), "the surroundings were not looked at",
               "what is wrong is not known");
  }
  return out.take();
}

}  // namespace coffer
