// coffer names: what paths of a mount are in a store whose names are encrypted, and the other way round.
#include "coffer/base/path.h"
#include "coffer/base/text.h"
#include "coffer/cli/commands.h"
#include "coffer/cli/opening.h"
#include "coffer/engines/fuse/sealed_names.h"

namespace coffer::cli {
namespace {

// A path in the store is one below; any other one is that in a mount, from its own directory on.
Result<std::string> other_name(fusefs::SealedNames& names, const std::string& path) {
  if (!is_within(path, names.store())) return names.path_below(names.store() + "/" + path);
  COFFER_ASSIGN(const std::string shown, names.shown_path(path));
  return shown.size() > names.store().size() ? shown.substr(names.store().size() + 1) : ".";
}

Result<Outcome> run_names(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(const auto coffer, open_coffer(arguments, {.may_be_away = true}));
  COFFER_ASSIGN(const std::string store, coffer->disk().canonical(absolute_path(arguments.operand("STORE"))));
  COFFER_ASSIGN(const auto names, fusefs::SealedNames::of_store(coffer, store, fusefs::NamesAsked::kAsTheyAre, false));
  if (names == nullptr) return {Code::kInvalidArgument, store + ": its names are in clear"};
  COFFER_ASSIGN(const std::string other, other_name(*names, arguments.operand("PATH")));
  console.answer(Json{{"store", store}, {"path", other}}, printable(other) + "\n");
  return Outcome::kDone;
}

}  // namespace

Command names_command() {
  return {
      .name = "names",
      .about = "says what paths of a mount are in a store with encrypted names, and the other way round",
      .operands = {coffer_operand(),
                   {"STORE", "the directory with the encrypted files"},
                   {"PATH", "a path within the mount, or one in the store"}},
      .flags = {root_flag()},
      .examples = {"names /var/lib/db.coffer /var/lib/db.store base/5/1259"},
      .run = run_names,
  };
}

}  // namespace coffer::cli
