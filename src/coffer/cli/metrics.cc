// coffer metrics: how the keys are, for Prometheus.
#include "coffer/ops/metrics.h"

#include "coffer/cli/commands.h"
#include "coffer/cli/opening.h"

namespace coffer::cli {
namespace {

Result<Outcome> run_metrics(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  // This process is too young to have looked by itself.
  KeyringCondition condition = coffer->live_keyring().condition();
  condition.root_key = coffer->live_keyring().check_root();
  COFFER_ASSIGN(const std::string text, prometheus_text(*coffer, condition));
  console.answer(Json{{"metrics", text}}, text);
  return Outcome::kDone;
}

}  // namespace

Command metrics_command() {
  return {
      .name = "metrics",
      .about = "prints how the keys are in Prometheus' text format: seals, bytes, age, what the policy leaves of them",
      .operands = {coffer_operand()},
      .flags = {root_flag()},
      .examples = {"metrics /var/lib/db.coffer"},
      .run = run_metrics,
  };
}

}  // namespace coffer::cli
