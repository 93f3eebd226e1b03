#include "coffer/files/plaintext_list.h"

#include <algorithm>
#include <charconv>

#include "coffer/base/clock.h"
#include "coffer/base/path.h"
#include "coffer/base/text.h"
#include "coffer/files/file_head.h"
#include "coffer/files/successor.h"

namespace coffer {
namespace {

constexpr std::string_view kListTitle = "coffer plaintext list 1";
constexpr size_t kListSizeMax = size_t{256} << 20;
constexpr uint32_t kListMode = 0600;

std::string list_path(const Coffer& coffer, const Id& store) {
  return coffer.directory() + "/plaintext." + store.hex();
}

// Of the store's transition; null if it is in none.
const Domain* transition_of(const Keyring& keyring, const Id& store) {
  const Domain* domain = keyring.find_domain(plaintext_domain(store));
  return domain != nullptr && domain->active() != nullptr ? domain : nullptr;
}

// All that is signed.
std::string list_text(const Id& store, const Id& key, const PlaintextFiles& files) {
  std::string out = std::string(kListTitle) + "\nstore " + store.hex() + "\nkey " + key.hex() + "\n";
  for (const auto& [name, size] : files) out += std::to_string(size) + " " + name + "\n";
  return out;
}

Status write_list(Coffer& coffer, const Id& store, const Id& key, const PlaintextFiles& files) {
  const std::string text = list_text(store, key, files);
  COFFER_ASSIGN(const Signed by, coffer.keyring()->sign(as_bytes(text)));
  return replace_file(coffer.disk(), list_path(coffer, store), as_bytes(text + to_hex(by.signature) + "\n"), kListMode);
}

Status not_signed(const std::string& path) {
  return {Code::kTampered, path +
                               ": is not the list that this coffer signed; its plaintext is not read: encrypt the "
                               "store at rest, with coffer encrypt"};
}

Result<PlaintextFiles> parse_entries(std::string_view lines, const std::string& path) {
  PlaintextFiles out;
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(line.size() + 1);
    uint64_t size = 0;
    const auto [end, failed] = std::from_chars(line.data(), line.data() + line.size(), size);
    const size_t digits = static_cast<size_t>(end - line.data());
    if (failed != std::errc() || digits + 1 >= line.size()) return not_signed(path);
    out.emplace(line.substr(digits + 1), size);
  }
  return out;
}

// Whose key is gone, that list does not count. One that was deactivated is of a list that is being replaced.
bool counts(std::string_view text, const Id& store, const Domain& domain) {
  return std::ranges::any_of(domain.keys, [&](const DomainKeyEntry& key) {
    return key.state != KeyState::kDestroyed && text.starts_with(list_text(store, key.id, {}));
  });
}

Result<PlaintextFiles> open_list(const Coffer& coffer, const Id& store, const Domain& domain) {
  const std::string path = list_path(coffer, store);
  COFFER_ASSIGN(const Bytes contents, read_file(coffer.disk(), path, kListSizeMax));
  std::string_view text = as_text(contents);
  if (text.empty() || text.back() != '\n') return not_signed(path);
  const size_t last = text.rfind('\n', text.size() - 2);
  if (last == std::string_view::npos) return not_signed(path);
  const auto signature = from_hex(text.substr(last + 1, text.size() - last - 2));
  text = text.substr(0, last + 1);
  COFFER_ASSIGN(Signed ours, coffer.keyring()->sign({}));
  if (!signature.is_ok() || signature->size() != ours.signature.size()) return not_signed(path);
  std::copy(signature->begin(), signature->end(), ours.signature.begin());
  if (!check_signature(ours, as_bytes(text)).is_ok()) return not_signed(path);
  if (!counts(text, store, domain)) return not_signed(path);
  return parse_entries(text.substr(list_text(store, domain.keys.front().id, {}).size()), path);
}

Status destroy_old_keys(Keyring& keyring, const std::string& name) {
  std::vector<Id> old;
  for (const DomainKeyEntry& key : keyring.find_domain(name)->keys) {
    if (may_become(key.state, KeyState::kDestroyed)) old.push_back(key.id);
  }
  for (const Id& id : old) COFFER_TRY(keyring.set_key_state(id, KeyState::kDestroyed, now_seconds()));
  return Status::ok();
}

// False: there is none.
Result<bool> is_plaintext_file(Disk& disk, const std::string& path) {
  const auto file = disk.open_read(path);
  if (file.code() == Code::kNotFound) return false;
  COFFER_TRY(file.status());
  COFFER_ASSIGN(const FileHead head, read_head(**file, path));
  return head.is(FileHead::What::kPlaintext);
}

}  // namespace

std::string plaintext_domain(const Id& store) { return "plaintext." + store.hex(); }

Status begin_plaintext_list(Coffer& coffer, const Id& store, const PlaintextFiles& files) {
  for (const auto& [name, size] : files) {
    if (has_control(name)) return {Code::kInvalidArgument, printable(name) + ": has a control character in its name"};
  }
  const std::string name = plaintext_domain(store);
  const auto fresh_key = [&](Keyring& keyring) {
    return keyring.find_domain(name) == nullptr ? keyring.add_domain(name, now_seconds())
                                                : keyring.rotate_domain(name, now_seconds());
  };
  COFFER_TRY(coffer.live_keyring().update(
      fresh_key, "plaintext files of a store that are accepted for now: " + std::to_string(files.size())));
  const std::shared_ptr<const Keyring> keys = coffer.keyring();
  const Domain* domain = transition_of(*keys, store);
  if (domain == nullptr) return {Code::kConflict, "the transition was ended meanwhile; repeat"};
  COFFER_TRY(write_list(coffer, store, domain->active()->id, files));
  if (domain->keys.size() == 1) return Status::ok();
  return coffer.live_keyring().update([&](Keyring& keyring) { return destroy_old_keys(keyring, name); });
}

Result<std::optional<PlaintextFiles>> read_plaintext_list(const Coffer& coffer, const Id& store) {
  const std::shared_ptr<const Keyring> keys = coffer.keyring();
  const Domain* domain = transition_of(*keys, store);
  if (domain == nullptr) return std::optional<PlaintextFiles>();
  COFFER_ASSIGN(PlaintextFiles files, open_list(coffer, store, *domain));
  return std::optional(std::move(files));
}

// A crash leaves the longer list, or the shorter one.
Status shorten_plaintext_list(Coffer& coffer, const Id& store, const PlaintextFiles& left) {
  const std::string domain = plaintext_domain(store);
  const auto end = [&](Keyring& keyring) { return keyring.shred_domain(domain, now_seconds()); };
  if (!left.empty()) return begin_plaintext_list(coffer, store, left);
  COFFER_TRY(coffer.live_keyring().update(end, "no plaintext file is left in a store: none is accepted any more"));
  const Status removed = coffer.disk().remove(list_path(coffer, store));
  return removed.code() == Code::kNotFound ? Status::ok() : removed;
}

PlaintextFiles still_plaintext(Coffer& coffer, const std::string& directory, const PlaintextFiles& files) {
  PlaintextFiles out;
  for (const auto& [name, size] : files) {
    const std::string path = directory + "/" + name;
    const auto file = coffer.disk().open_read(path);
    if (!file.is_ok()) continue;
    const auto head = read_head(**file, path);
    const auto now = (*file)->size();
    if (head.is_ok() && head->is(FileHead::What::kPlaintext) && now.is_ok() && *now == size) out.emplace(name, size);
  }
  return out;
}

std::vector<StoreInTransition> stores_in_transition(Coffer& coffer) {
  std::vector<StoreInTransition> out;
  for (const auto keyring = coffer.keyring(); const StoreEntry& store : coffer.places().stores(*keyring)) {
    const auto list = read_plaintext_list(coffer, store.id);
    if (list.is_ok() && !list->has_value()) continue;
    StoreInTransition each{store.id, coffer.places().here(store.path), list.status(), {}};
    if (list.is_ok()) each.left = still_plaintext(coffer, each.directory, **list);
    out.push_back(std::move(each));
  }
  return out;
}

AcceptedPlaintext::Known* AcceptedPlaintext::known_of(const std::string& store_directory) {
  const std::shared_ptr<const Keyring> keys = coffer_.keyring();
  const Place place = coffer_.places().of_directory(*keys, store_directory);
  const Domain* domain = place.store != nullptr && place.exact ? transition_of(*keys, place.store->id) : nullptr;
  if (domain == nullptr) return nullptr;
  const auto found = known_.find(store_directory);
  if (found != known_.end() && found->second.key == domain->active()->id) return &found->second;
  auto list = open_list(coffer_, place.store->id, *domain);
  if (!list.is_ok()) return nullptr;
  any_ = true;
  Known known{place.store->id, store_directory, domain->active()->id, std::move(*list)};
  return &known_.insert_or_assign(store_directory, std::move(known)).first->second;
}

PlaintextFiles::iterator AcceptedPlaintext::find(Known& known, const std::string& path) {
  if (path.size() <= known.directory.size()) return known.files.end();
  return known.files.find(std::string_view(path).substr(known.directory.size() + 1));
}

bool AcceptedPlaintext::accepts(const std::string& path, uint64_t size) {
  std::lock_guard lock(mutex_);
  Known* known = known_of(files_.place_of(path).store_directory);
  if (known == nullptr) return false;
  const auto found = find(*known, path);
  return found != known->files.end() && found->second == size;
}

void AcceptedPlaintext::gone(const std::string& path) {
  if (!any_) return;
  std::lock_guard lock(mutex_);
  Known* known = known_of(files_.place_of(path).store_directory);
  if (known == nullptr) return;
  const auto found = find(*known, path);
  if (found == known->files.end()) return;
  known->files.erase(found);
  // P3: what an engine asks for first must not come back. The others are not asked for once they are replaced, and are
  // struck when the store is locked next. What fails here is tried then, too.
  const bool decides = files_.turn_of(path) == EngineFiles::Turn::kFirst;
  if (!decides && !known->files.empty()) return;
  (void)shorten(*known, still_plaintext(coffer_, known->directory, known->files));
}

Status AcceptedPlaintext::shorten(Known& known, const PlaintextFiles& left) {
  COFFER_TRY(shorten_plaintext_list(coffer_, known.store, left));
  const std::shared_ptr<const Keyring> keys = coffer_.keyring();
  const Domain* domain = transition_of(*keys, known.store);
  known.key = domain != nullptr ? domain->active()->id : Id();
  known.files = left;
  return Status::ok();
}

Status AcceptedPlaintext::settle(const std::string& directory) {
  std::lock_guard lock(mutex_);
  Known* known = known_of(directory);
  if (known == nullptr) return Status::ok();
  PlaintextFiles left = still_plaintext(coffer_, known->directory, known->files);
  COFFER_TRY(encrypt_unread(known->directory, left));
  return left == known->files ? Status::ok() : shorten(*known, left);
}

Status AcceptedPlaintext::encrypt_unread(const std::string& directory, PlaintextFiles& files) {
  COFFER_ASSIGN(const auto entries, coffer_.disk().list(directory));
  Pace unlimited({});
  Successors successors({.coffer = coffer_, .pace = unlimited});
  for (const DirectoryEntry& entry : entries) {
    const std::string path = directory + "/" + entry.name;
    if (entry.is_directory || entry.is_link || !files_.is_of_engine(path)) continue;
    const NewFilePlace place = files_.place_of(path);
    // What an engine tells of itself it never reads; what it writes whole is in the list, or not what it wrote.
    const bool is_told = place.role == EngineRole::kOther;
    const bool is_whole = place.role == EngineRole::kWhole && files_.turn_of(path) == EngineFiles::Turn::kAmong;
    if (!is_told && !(is_whole && files.contains(entry.name))) continue;
    COFFER_ASSIGN(const bool is_plaintext, is_plaintext_file(coffer_.disk(), path));
    if (!is_plaintext) continue;
    COFFER_TRY(successors.encrypt({path}, place));
    files.erase(entry.name);
  }
  return successors.sync_names();
}

}  // namespace coffer
