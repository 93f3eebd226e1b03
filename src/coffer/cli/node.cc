// coffer node …: the keys of this node.
#include <fmt/format.h>

#include "coffer/cli/commands.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/text.h"
#include "coffer/providers/registry.h"
#include "coffer/store/node_key.h"

namespace coffer::cli {
namespace {

Json node_json(const NodePublic& node) {
  return {{"name", node.name}, {"coffer", node.coffer_id.hex()}, {"node", format_node_public(node)}};
}

Result<Outcome> run_node_new(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  COFFER_ASSIGN(const NodeIdentity made,
                NodeIdentity::create(arguments.operand("NAME"), coffer->config().coffer_id));
  COFFER_TRY(keep_node_identity(*coffer, made, arguments.value("--seal", ""), open_provider));
  console.answer(node_json(made.node()), format_node_public(made.node()) + "\n");
  return Outcome::kDone;
}

Result<Outcome> run_node_show(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  COFFER_ASSIGN(const NodeIdentity own, open_node_identity(*coffer, open_provider));
  COFFER_ASSIGN(const std::string root, root_of_node_key(*coffer));
  Json answer = node_json(own.node());
  answer["sealed_by"] = root.empty() ? Json(nullptr) : Json(root);
  console.answer(answer, format_node_public(own.node()) + "\n");
  return Outcome::kDone;
}

}  // namespace

Command node_new_command() {
  return {
      .name = "node new",
      .about = "gives this node keys of its own, and prints their public part: one line for other nodes",
      .operands = {coffer_operand(), {"NAME", "of the node: letters, digits, dots, underscores, dashes"}},
      .flags = {{"--seal", "ROOT", "the root of coffer.yaml that seals the private keys (the coffer itself)"},
                root_flag()},
      .examples = {"node new /var/lib/db.coffer db-1", "node new /var/lib/db.coffer db-1 --seal tpm"},
      .run = run_node_new,
  };
}

Command node_show_command() {
  return {
      .name = "node show",
      .about = "prints the public part of this node's keys, once the private one opens",
      .operands = {coffer_operand()},
      .flags = {root_flag()},
      .examples = {"node show /var/lib/db.coffer"},
      .run = run_node_show,
  };
}

}  // namespace coffer::cli
