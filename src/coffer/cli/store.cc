// coffer store list, move, adopt, forget, clone: which directories a coffer's files may be in.
#include <fmt/format.h>

#include "coffer/base/path.h"
#include "coffer/cli/commands.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/text.h"
#include "coffer/ops/own_store.h"
#include "coffer/ops/stores.h"
#include "coffer/providers/registry.h"

namespace coffer::cli {
namespace {

// A store's path, or its id where the keyring has it no more.
std::string path_of(const Keyring& keyring, const Id& store) {
  const StoreEntry* found = keyring.find_store(store);
  return found != nullptr ? found->path : store.short_hex();
}

// The same for people.
std::string name_of(const Keyring& keyring, const Id& store) {
  const StoreEntry* found = keyring.find_store(store);
  return path_of(keyring, store) + (found == nullptr || found->node.empty() ? "" : " of node " + found->node);
}

std::string_view store_state(const StoreEntry& store, const std::vector<MissingStore>& missing) {
  for (const MissingStore& each : missing) {
    if (each.store == store.id) return each.gone ? "missing" : "empty";
  }
  return store.confirmed ? "database" : "provisional";
}

constexpr std::string_view kElsewhere = "elsewhere";

// Without the provisional ones that are gone, or are other nodes': nobody has to know of them.
struct ShownStores {
  std::vector<StoreEntry> here, elsewhere;
};
ShownStores shown_stores(Coffer& coffer) {
  std::vector<StoreEntry> here, elsewhere;
  const auto keyring = coffer.keyring();
  const StoreRefs stores = coffer.places().stores(*keyring);
  auto next = stores.begin();
  for (const StoreEntry& store : keyring->stores()) {
    const bool is_here = next != stores.end() && &next->get() == &store;
    if (is_here) ++next;
    if (is_here && (store.confirmed || coffer.stores().is_present(store))) here.push_back(store);
    if (!is_here && matters_elsewhere(*keyring, store)) elsewhere.push_back(store);
  }
  return {std::move(here), std::move(elsewhere)};
}

Json store_json(const Coffer& coffer, const StoreEntry& store, std::string_view state) {
  Json lineage = Json::array();
  for (const Lineage& each : store.lineage) {
    const StoreEntry* from = coffer.keyring()->find_store(each.store);
    lineage.push_back({{"store", each.store.hex()},
                       {"path", from != nullptr ? Json(from->path) : Json(nullptr)},
                       {"how", lineage_name(each.how)},
                       {"since", each.since}});
  }
  return {{"id", store.id.hex()},
          {"path", store.path},
          {"node", store.node.empty() ? Json(nullptr) : Json(store.node)},
          {"here", state == kElsewhere ? Json(nullptr) : Json(coffer.places().here(store.path))},
          {"also_at", store.also_at.empty() ? Json(nullptr) : Json(store.also_at)},
          {"created", store.created},
          {"confirmed", store.confirmed},
          {"names", store.names_encrypted ? "encrypted" : "clear"},
          {"state", state},
          {"lineage", std::move(lineage)},
          {"domains", store.domains}};
}

std::string store_text(const Coffer& coffer, const StoreEntry& store, std::string_view state) {
  std::string out = fmt::format("{}  {}, {}{}\n", printable(store.path), state, store.id.short_hex(),
                                store.node.empty() ? "" : ", of node " + store.node);
  if (state == kElsewhere) return out;
  const auto keyring = coffer.keyring();
  if (!store.also_at.empty()) out += fmt::format("  is being renamed to {}\n", printable(store.also_at));
  if (const std::string here = coffer.places().here(store.path); here != store.path) {
    out += fmt::format("  is at {} here\n", printable(here));
  }
  if (store.names_encrypted) out += "  has encrypted names; coffer names tells them\n";
  for (const Lineage& each : store.lineage) {
    if (each.store == store.id) {
      out += fmt::format("  an older state was taken back {}\n", time_text(each.since));
      continue;
    }
    out += fmt::format("  may hold files of {} ({} {})\n", printable(name_of(*keyring, each.store)),
                       lineage_name(each.how), time_text(each.since));
  }
  for (const std::string& domain : store.domains) {
    out += domain == kAnyDomain ? "  may hold files of any domain\n"
                                : fmt::format("  may hold files of the domain {}\n", domain);
  }
  return out;
}

Result<Outcome> run_store_list(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  const std::vector<MissingStore> missing = missing_stores(*coffer);
  Json answer = Json::array();
  std::string text;
  const auto show = [&](const StoreEntry& store, std::string_view state) {
    answer.push_back(store_json(*coffer, store, state));
    text += store_text(*coffer, store, state);
  };
  const ShownStores stores = shown_stores(*coffer);
  for (const StoreEntry& store : stores.here) show(store, store_state(store, missing));
  for (const StoreEntry& store : stores.elsewhere) show(store, kElsewhere);
  if (text.empty()) text = "none yet: coffer exec opens one\n";
  console.answer(Json::object({{"stores", std::move(answer)}}), text);
  return missing.empty() ? Outcome::kDone : Outcome::kProblemsFound;
}

Result<Outcome> run_store_move(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  const std::string from = absolute_path(arguments.operand("FROM")), to = absolute_path(arguments.operand("TO"));
  COFFER_TRY(move_store(*coffer, from, to));
  console.answer(Json{{"from", from}, {"to", to}},
                 fmt::format("the store {} is at {} now\n", printable(from), printable(to)));
  return Outcome::kDone;
}

Result<Outcome> adopt_older_state(Coffer& coffer, const std::string& path, Console& console) {
  COFFER_ASSIGN(const StoreEntry store, adopt_older(coffer, path));
  console.answer(Json{{"path", path}, {"id", store.id.hex()}, {"how", lineage_name(LineageHow::kOlder)}},
                 fmt::format("{} is accepted as it is now\n", printable(path)));
  console.note("how far its logs reach is remembered again once it was opened for writing");
  return Outcome::kDone;
}

Result<Outcome> run_store_adopt(const Arguments& arguments, Console& console) {
  const bool older = arguments.has("--older");
  if (older && arguments.find("--from") != nullptr) {
    return {Code::kInvalidArgument, "--older and --from: give one of them; the first is about the store's own files"};
  }
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  const std::string path = absolute_path(arguments.operand("PATH"));
  if (older) return adopt_older_state(*coffer, path, console);
  std::optional<Id> from;
  if (const std::string* given = arguments.find("--from")) {
    // A store that the keyring has no more is named by its id.
    const auto id = Id::parse(*given);
    if (id.is_ok()) from = *id;
    if (!from.has_value()) {
      COFFER_ASSIGN(const StoreEntry store, find_store(*coffer, absolute_path(*given)));
      from = store.id;
    }
  }
  COFFER_ASSIGN(const Adoption done, adopt(*coffer, path, from));
  Json stores = Json::array(), domains = Json::array();
  std::string text = fmt::format("{} may hold from now on\n", printable(path));
  for (const auto& [store, count] : done.stores) {
    stores.push_back({{"store", store.hex()}, {"path", path_of(*coffer->keyring(), store)}, {"files", count}});
    text += fmt::format("  files of {}: {} there now\n", printable(name_of(*coffer->keyring(), store)), count);
  }
  for (const auto& [domain, count] : done.domains) {
    domains.push_back({{"domain", domain}, {"files", count}});
    text += fmt::format("  files of the domain {}: {} there now\n", domain, count);
  }
  console.answer(
      Json{{"path", path}, {"stores", std::move(stores)}, {"domains", std::move(domains)}, {"left", done.left}}, text);
  if (done.left > 0) console.note(fmt::format("{} of other stores stay refused", count_text(done.left, "file")));
  return Outcome::kDone;
}

Result<Outcome> run_store_forget(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  const std::string& given = arguments.operand("PATH");
  COFFER_ASSIGN(const StoreEntry store, find_store(*coffer, Id::parse(given).is_ok() ? given : absolute_path(given)));
  COFFER_TRY(forget_store(*coffer, store.id));
  console.answer(Json{{"path", store.path}, {"id", store.id.hex()}},
                 fmt::format("the store {} is forgotten\n", printable(store.path)));
  return Outcome::kDone;
}

Result<Outcome> run_store_own(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  const std::string& given = arguments.operand("PATH");
  COFFER_ASSIGN(const StoreEntry store, own_store(*coffer, Id::parse(given).is_ok() ? given : absolute_path(given)));
  console.answer(Json{{"path", store.path}, {"id", store.id.hex()}, {"node", store.node}},
                 fmt::format("the store {} is of node {} now\n", printable(store.path), store.node));
  console.note("to the other nodes it is as before: run this on each that has files there, and coffer store forget " +
               store.lineage.back().store.hex() + " once then");
  return Outcome::kDone;
}

Result<Outcome> run_store_clone(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments, {.may_be_away = true}));
  const std::string directory = absolute_path(arguments.operand("DIRECTORY"));
  COFFER_TRY(coffer->clone_to(directory, open_provider));
  COFFER_ASSIGN(const auto made,
                Coffer::open(Disk::posix(), directory,
                             {.open_anchor = open_anchor, .open_keyring_store = open_keyring_store}, open_provider));
  console.answer(
      Json{{"coffer", directory}, {"id", made->keyring()->coffer_id().hex()}},
      fmt::format("made the coffer {}, independent of {}\n", printable(directory), printable(coffer->directory())));
  console.note(
      fmt::format("it has no stores yet: coffer store adopt {} PATH takes a copy of one in", printable(directory)));
  if (!coffer->config().anchor.empty()) console.note("it has no anchor: name one in its coffer.yaml");
  return Outcome::kDone;
}

}  // namespace

Command store_clone_command() {
  return {
      .name = "store clone",
      .about = "makes an independent coffer, with the same keys, of a coffer or a copy of one",
      .operands = {coffer_operand(), {"DIRECTORY", "where the new coffer is to be: a new or empty directory"}},
      .flags = {root_flag()},
      .examples = {"store clone /mnt/backup/db.coffer /var/lib/db-test.coffer"},
      .run = run_store_clone,
  };
}

Command store_list_command() {
  return {
      .name = "store list",
      .about = "lists the stores: where they are, whether they are there, and whose files they may hold",
      .operands = {coffer_operand()},
      .flags = {root_flag()},
      .examples = {"store list /var/lib/db.coffer", "store list /var/lib/db.coffer --json"},
      .run = run_store_list,
  };
}

Command store_move_command() {
  return {
      .name = "store move",
      .about = "says that a store's directory was moved, or its volume mounted elsewhere",
      .operands = {coffer_operand(), {"FROM", "where it was"}, {"TO", "where it is now"}},
      .flags = {root_flag()},
      .examples = {"store move /var/lib/db.coffer /var/lib/db /mnt/fast/db"},
      .run = run_store_move,
  };
}

Command store_adopt_command() {
  return {
      .name = "store adopt",
      .about = "lets genuine files of other stores and domains stay where they are: a copy, a restored backup",
      .operands = {coffer_operand(), {"PATH", "the directory they are in"}},
      .flags = {{"--from", "STORE", "only files of this store: its path, or its id"},
                {"--older", "", "accept an earlier state of the store itself, restored on purpose"},
                root_flag()},
      .examples = {"store adopt /var/lib/db.coffer /var/lib/db-copy",
                   "store adopt /var/lib/db.coffer /var/lib/db-copy --from /var/lib/db",
                   "store adopt /var/lib/db.coffer /var/lib/db --older"},
      .run = run_store_adopt,
  };
}

Command store_forget_command() {
  return {
      .name = "store forget",
      .about = "takes a store that is gone for good out of the keyring",
      .operands = {coffer_operand(), {"PATH", "where it was, or its id"}},
      .flags = {root_flag()},
      .examples = {"store forget /var/lib/db.coffer /var/lib/old-db"},
      .run = run_store_forget,
  };
}

Command store_own_command() {
  return {
      .name = "store own",
      .about = "makes a store that was every node's this node's own",
      .operands = {coffer_operand(), {"PATH", "where it is, or its id"}},
      .flags = {root_flag()},
      .examples = {"store own /var/lib/db.coffer /var/lib/db"},
      .run = run_store_own,
  };
}

}  // namespace coffer::cli
