#include "coffer/ops/keys.h"

#include <algorithm>

#include "coffer/base/clock.h"
#include "coffer/base/text.h"
#include "coffer/ops/had_files.h"
#include "coffer/ops/key_needs.h"

namespace coffer {
namespace {

constexpr size_t kIdDigitsMin = 8;

std::string text_of(const FoundKey& found) {
  return "key " + std::to_string(found.entry->version) + " of domain " + found.domain->name + " (" +
         found.entry->id.short_hex() + ")";
}

bool looks_like_id(const std::string& known) {
  return known.size() >= kIdDigitsMin && known.size() <= 2 * sizeof(Id::bytes) &&
         std::ranges::all_of(known, [](char c) { return hex_digit(c) >= 0; });
}

Result<FoundKey> find_by_id(const Keyring& keyring, const std::string& digits) {
  FoundKey out;
  for (const Domain& domain : keyring.domains()) {
    for (const DomainKeyEntry& entry : domain.keys) {
      if (!entry.id.hex().starts_with(lower_case(digits))) continue;
      if (out.entry != nullptr)
        return {Code::kInvalidArgument, "key " + digits + ": several begin so; give more of it"};
      out = {&domain, &entry};
    }
  }
  return out;
}

const DomainKeyEntry* find_by_number(const Domain& domain, std::string_view number) {
  const auto found =
      std::ranges::find(domain.keys, number, [](const DomainKeyEntry& key) { return std::to_string(key.version); });
  return found == domain.keys.end() ? nullptr : &*found;
}

ChangedKey changed_of(const Coffer& coffer, const Id& id) {
  const auto keyring = coffer.keyring();
  const FoundKey found = keyring->find_key(id);
  const DomainKeyEntry* active = found.domain->active();
  return {found.domain->name, *found.entry, active != nullptr ? std::optional(active->version) : std::nullopt,
          keyring->version()};
}

Result<ChangedKey> change(Coffer& coffer, const std::string& known,
                          const std::function<Status(Keyring&, const Id&)>& apply) {
  Id id;
  COFFER_TRY(coffer.live_keyring().update([&](Keyring& keyring) -> Status {
    COFFER_ASSIGN(const FoundKey found, find_key(keyring, known));
    id = found.entry->id;
    return apply(keyring, id);
  }));
  return changed_of(coffer, id);
}

}  // namespace

Result<FoundKey> find_key(const Keyring& keyring, const std::string& known) {
  const size_t colon = known.rfind(':');
  FoundKey out;
  if (colon != std::string::npos) {
    const Domain* domain = keyring.find_domain(known.substr(0, colon));
    if (domain == nullptr) return {Code::kNotFound, "no domain \"" + known.substr(0, colon) + "\" in the keyring"};
    out = {domain, find_by_number(*domain, known.substr(colon + 1))};
  } else if (looks_like_id(known)) {
    COFFER_ASSIGN(out, find_by_id(keyring, known));
  } else {
    return {Code::kInvalidArgument, "key \"" + known +
                                        "\": expected DOMAIN:NUMBER, as system:3, or at least the first " +
                                        std::to_string(kIdDigitsMin) + " digits of its id"};
  }
  if (out.entry == nullptr) return {Code::kNotFound, "no key " + known + " in the keyring; coffer key list shows them"};
  return out;
}

std::vector<std::reference_wrapper<const Domain>> listed(const Keyring& keyring) {
  std::vector<std::reference_wrapper<const Domain>> out;
  for (const Domain& domain : keyring.domains()) out.emplace_back(domain);
  if (keyring.shards().size() > 1) {
    std::ranges::sort(out, {}, [](const Domain& domain) -> const std::string& { return domain.name; });
  }
  return out;
}

Result<ChangedKey> change_key(Coffer& coffer, const std::string& known, KeyState state) {
  return change(coffer, known,
                [&](Keyring& keyring, const Id& id) { return keyring.change_key(id, state, now_seconds()); });
}

Result<ChangedKey> expire_key(Coffer& coffer, const std::string& known, uint64_t when) {
  return change(coffer, known, [&](Keyring& keyring, const Id& id) { return keyring.set_key_expiry(id, when); });
}

namespace {

// Ok, or what needs the key here, or may need it.
Status check_unneeded(const FoundKey& key, const KeyNeeds& needs) {
  const std::string what = text_of(key);
  if (const auto found = needs.by_key.find(key.entry->id); found != needs.by_key.end()) {
    return {Code::kBusy, what + " is needed by " + std::to_string(found->second.files) + " file(s): " +
                             found->second.examples + "; coffer rewrap brings them under another one"};
  }
  if (!needs.missing.empty()) {
    return {Code::kBusy, what + " may be needed in " + needs.missing.front().path + ", where a store is missing; " +
                             std::string(missing_text(needs.missing.front()))};
  }
  if (needs.unreadable > 0) {
    return {Code::kBusy, what + " may be needed by " + std::to_string(needs.unreadable) + " file(s) whose header " +
                             "cannot be read: " + needs.unreadable_example + (needs.unreadable > 1 ? ", …" : "") +
                             "; coffer verify names them: restore or remove them"};
  }
  if (!needs.arriving.contains(key.entry->id)) return Status::ok();
  return {Code::kBusy, what + " is needed by what has come of a stream or a backup, and has not got its name yet; let "
                              "that be gone on with, or remove that directory, whose name ends with " + arrival_of("")};
}

Status check_unneeded_by_mariadb(const Coffer& coffer, const FoundKey& key, const KeyNeeds& needs) {
  if (!needs.by_mariadb.contains(key.entry->id)) return Status::ok();
  COFFER_ASSIGN(const Config config, coffer.present_config());
  return {Code::kBusy, text_of(key) + " may be needed by a MariaDB server, as version " +
                           std::to_string(key.entry->version) + " of key id " +
                           std::to_string(mariadb_key_of(config.mariadb_keys, key.domain->name)) +
                           "; where docs/mariadb.md's queries show that it is not, and no backup needs it, repeat the "
                           "command with --unneeded-by-mariadb"};
}

// What an operator says has to be of nodes that are asked, and of machines that cannot be.
Status check_words(const Coffer& coffer, const std::vector<std::string>& others, const UnneededBy& unneeded) {
  for (const std::string& name : unneeded.nodes) {
    if (std::ranges::find(others, name) != others.end()) continue;
    return {Code::kNotFound, "no other node \"" + name + "\" is in the keyring; coffer node list shows them"};
  }
  if (unneeded.other_nodes && !others.empty()) {
    return {Code::kInvalidArgument, "the keyring lists other nodes, which are asked; for one that cannot answer say "
                                    "--unneeded-by NODE"};
  }
  if (unneeded.other_nodes || !others.empty() || !coffer.config().keyring_store.has_value()) return Status::ok();
  return {Code::kBusy, "keys may be needed by files of another node, since the keyring is where others may use it, and "
                       "it lists none that could be asked; where coffer rewrap and coffer status there show that it "
                       "is not, repeat the command with --unneeded-by-other-nodes"};
}

// Ok, or which nodes keep the key from being destroyed. They are asked, if they were not.
Result<std::vector<HeldUp>> held_up_by_nodes(Coffer& coffer, const Id& key, const UnneededBy& unneeded) {
  COFFER_TRY(ask_nodes(coffer, {key}).status());
  COFFER_ASSIGN(const AllAnswers answers, load_answers(coffer.live_keyring()));
  const auto keyring = coffer.keyring();
  SpokenFor spoken_for = unneeded.nodes;
  spoken_for.insert(own_listed_name(coffer));
  const KeyQuestion* question = keyring->find_question(key);
  if (question == nullptr) return {Code::kConflict, "somebody else has withdrawn the question meanwhile; repeat it"};
  return held_up_by(*keyring, *question, answers, spoken_for);
}

}  // namespace

Result<KeyDestruction> destroy_key(Coffer& coffer, const std::string& known, const UnneededBy& unneeded) {
  COFFER_TRY(coffer.at_home());
  COFFER_TRY(coffer.live_keyring().refresh());
  const auto before = coffer.keyring();
  COFFER_ASSIGN(const FoundKey found, find_key(*before, known));
  if (!may_become(found.entry->state, KeyState::kDestroyed)) {
    const bool in_use = found.entry->state < KeyState::kDeactivated;
    return {Code::kInvalidArgument, text_of(found) + " is " + std::string(key_state_name(found.entry->state)) +
                                        (in_use ? "; first coffer key revoke, then coffer rewrap" : "")};
  }
  const Id id = found.entry->id;
  const std::vector<std::string> others = other_nodes(coffer);
  COFFER_TRY(check_words(coffer, others, unneeded));
  COFFER_ASSIGN(const KeyNeeds needs, look_for_needs(coffer, {id}));
  COFFER_TRY(check_unneeded(found, needs));
  if (!unneeded.mariadb) COFFER_TRY(check_unneeded_by_mariadb(coffer, found, needs));
  KeyDestruction out;
  if (unneeded.nodes.size() < others.size()) {
    COFFER_ASSIGN(out.held_up_by, held_up_by_nodes(coffer, id, unneeded));
    if (!out.held_up_by.empty()) return out;
  }
  COFFER_TRY(destroy_unneeded(coffer, {id}, *before));
  out.done = changed_of(coffer, id);
  return out;
}

namespace {

Result<uint64_t> change_lock(Coffer& coffer, const std::string& name, bool locks) {
  uint64_t since = 0;
  bool is_so_already = false;
  const Status updated = coffer.live_keyring().update([&](Keyring& keyring) -> Status {
    const Domain* before = keyring.find_domain(name);
    is_so_already = before != nullptr && name != kSystemDomain && (before->locked != 0) == locks;
    since = before != nullptr ? before->locked : 0;
    if (is_so_already) return {Code::kAlreadyExists, "it is so already"};
    COFFER_TRY(locks ? keyring.lock_domain(name, now_seconds()) : keyring.unlock_domain(name));
    since = keyring.find_domain(name)->locked;
    return Status::ok();
  });
  if (!updated.is_ok() && !(is_so_already && updated.code() == Code::kAlreadyExists)) return updated;
  return since;
}

}  // namespace

Result<uint64_t> lock_domain(Coffer& coffer, const std::string& name) { return change_lock(coffer, name, true); }

Result<uint64_t> unlock_domain(Coffer& coffer, const std::string& name) { return change_lock(coffer, name, false); }

}  // namespace coffer
