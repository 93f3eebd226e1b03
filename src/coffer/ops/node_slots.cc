#include "coffer/ops/node_slots.h"

#include "coffer/base/advice.h"
#include "coffer/base/period.h"
#include "coffer/base/text.h"

namespace coffer {
namespace {

constexpr std::string_view kWithoutSlot = "a start asks the key provider, and fails while that is away";

std::string with_slot_text(const NodeSlotStanding& standing) {
  return std::to_string(standing.with_slot) + " of " + std::to_string(standing.nodes) +
         (standing.nodes == 1 ? " node has one" : " nodes have one");
}

}  // namespace

Status node_slots_trouble(const NodeSlots& slots) {
  if (!slots.is_ok()) return slots.status();
  return slots->has_value() ? (*slots)->start : Status::ok();
}

std::string node_slots_text(const NodeSlots& slots) {
  if (slots.is_ok() && !slots->has_value()) return "";
  const Status trouble = node_slots_trouble(slots);
  std::string out = "programs that serve start by this node's until " + utc_text(slots.is_ok() ? (*slots)->until : 0);
  if (!trouble.is_ok()) out = "NOT THIS NODE'S: " + printable(advice_for(trouble).message);
  return slots.is_ok() ? out + "; " + with_slot_text(**slots) : out;
}

Json node_slots_json(const NodeSlots& slots) {
  if (slots.is_ok() && !slots->has_value()) return nullptr;
  const Status trouble = node_slots_trouble(slots);
  Json out = {{"starts", trouble.is_ok()}, {"refused", nullptr}, {"until", nullptr}, {"nodes", nullptr},
              {"with_slot", nullptr}};
  if (!trouble.is_ok()) out["refused"] = {{"code", code_name(trouble.code())}, {"message", trouble.message()}};
  if (!slots.is_ok()) return out;
  if (trouble.is_ok()) out["until"] = (*slots)->until;
  out["nodes"] = (*slots)->nodes;
  out["with_slot"] = (*slots)->with_slot;
  return out;
}

Findings examine_node_slots(const NodeSlots& slots) {
  const Status trouble = node_slots_trouble(slots);
  if (trouble.is_ok()) return {};
  const bool says_what_to_do = trouble.message().find("; ") != std::string_view::npos;
  const Advice advice = advice_for(trouble);
  return {{true, "policy: node_slots, and no start by this node's slot: " + advice.message, std::string(kWithoutSlot),
           says_what_to_do ? advice.hint
                           : "start a program that serves, or the agent, while the key provider answers: that makes "
                             "what is missing; coffer node list says who has a slot"}};
}

}  // namespace coffer
