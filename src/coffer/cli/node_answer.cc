// coffer node answer: what other nodes ask about keys that are to be destroyed.
#include <fmt/format.h>

#include "coffer/cli/commands.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/text.h"
#include "coffer/ops/key_questions.h"

namespace coffer::cli {
namespace {

std::string said_text(const KeyAnswer& answer) {
  if (answer.needing > 0) return fmt::format("needed by {}; coffer rewrap", count_text(answer.needing, "file"));
  if (answer.unclear == 0) return "not needed";
  return fmt::format("cannot say, of {} file(s), stores or servers; coffer verify", answer.unclear);
}

Result<Outcome> run_node_answer(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  COFFER_ASSIGN(const std::vector<AnsweredQuestion> answered, answer_questions(*coffer));
  Json rows = Json::array();
  std::string text = answered.empty() ? "nothing is asked\n" : "";
  bool all_clear = true;
  for (const AnsweredQuestion& each : answered) {
    text += fmt::format("key {} of domain {} ({}): {}\n", each.version, each.domain, each.key.short_hex(),
                        said_text(each.answer));
    rows.push_back({{"domain", each.domain},
                    {"version", each.version},
                    {"key", each.key.hex()},
                    {"needing", each.answer.needing},
                    {"unclear", each.answer.unclear}});
    all_clear = all_clear && each.answer.is_clear();
  }
  console.answer(Json{{"answers", std::move(rows)}, {"keyring_version", coffer->keyring()->version()}}, text);
  return all_clear ? Outcome::kDone : Outcome::kProblemsFound;
}

}  // namespace

Command node_answer_command() {
  return {
      .name = "node answer",
      .about = "looks whether files of this node need keys that are to be destroyed, and tells the others; as coffer "
               "agent does",
      .operands = {coffer_operand()},
      .flags = {root_flag()},
      .examples = {"node answer /var/lib/db.coffer"},
      .run = run_node_answer,
  };
}

}  // namespace coffer::cli
