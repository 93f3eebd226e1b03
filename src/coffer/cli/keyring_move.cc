// coffer keyring move: from files to etcd and back, while programs serve.
#include <fmt/format.h>

#include "coffer/base/advice.h"
#include "coffer/cli/commands.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/text.h"
#include "coffer/providers/registry.h"
#include "coffer/store/move_keyring.h"

namespace coffer::cli {
namespace {

Result<Outcome> run_keyring_move(const Arguments& arguments, Console& console) {
  const std::string place = absolute_path(arguments.operand("COFFER"));
  Coffer::OpenOptions options{.open_anchor = open_anchor, .open_keyring_store = open_keyring_store};
  options.root_uri = arguments.value("--root", "");
  if (const std::string* keyring = arguments.find("--keyring")) options.keyring = absolute_path(*keyring);
  auto moved = move_keyring(Disk::posix(), place, arguments.operand("TO"), options, open_provider);
  if (!moved.is_ok()) return naming_root_flag(moved.status());
  COFFER_ASSIGN(const auto coffer, open_coffer(arguments));
  const uint64_t version = coffer->keyring()->version();
  console.answer(Json{{"from", moved->from}, {"to", moved->to}, {"keyring_version", version}},
                 fmt::format("the keyring, now version {}, has moved\n  from  {}\n  to    {}\n", version,
                             printable(moved->from), printable(moved->to)));
  if (!moved->removed.is_ok()) console.note("keys can still be read where it was: " + moved->removed.to_string());
  console.note("other nodes go on with the keyring they have: edit keyring_store in the coffer.yaml of each");
  return Outcome::kDone;
}

}  // namespace

Command keyring_move_command() {
  return {
      .name = "keyring move",
      .about = "moves the keyring from files to etcd, to another etcd, or back, while programs use it",
      .operands = {coffer_operand(),
                   {"TO", "etcd://HOST[,HOST]/PREFIX?OPTIONS; or the coffer's directory, for a keyring in files"}},
      .flags = {root_flag()},
      .examples = {"keyring move /var/lib/db.coffer 'etcd://n1,n2,n3/coffers/db?ca_file=/etc/coffer/etcd-ca.pem'",
                   "keyring move /var/lib/db.coffer /var/lib/db.coffer"},
      .run = run_keyring_move,
  };
}

}  // namespace coffer::cli
