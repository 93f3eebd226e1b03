#include "coffer/ops/key_needs.h"

#include <chrono>
#include <thread>

#include "coffer/base/text.h"
#include "coffer/store/keyring_copy.h"

namespace coffer {
namespace {

constexpr size_t kExamplesMax = 3;
// Programs that serve look for a newer keyring twice a second.
constexpr std::chrono::seconds kProgramPatience{5};
constexpr std::chrono::milliseconds kProgramInterval{50};

Status wait_for_uses(Coffer& coffer, uint64_t version) {
  const auto started = std::chrono::steady_clock::now();
  for (;;) {
    Status found = coffer.keyring_uses().check_none_before(version);
    if (found.code() != Code::kBusy || std::chrono::steady_clock::now() - started >= kProgramPatience) return found;
    std::this_thread::sleep_for(kProgramInterval);
  }
}

// A program that starts while etcd does not answer begins by it.
Status check_copy(const Coffer& coffer, uint64_t version) {
  const std::string path = coffer.directory() + "/" + std::string(kKeyringCopyName);
  const auto copy = open_file_keyring_store(coffer.disk(), path)->load();
  if (copy.code() == Code::kNotFound) return Status::ok();
  if (!copy.is_ok()) return copy.status().with_context("whether a program may start by " + path);
  if (copy->header.version >= version) return Status::ok();
  return {Code::kBusy, path + " is a copy of keyring version " + std::to_string(copy->header.version) +
                           ", by which a program could start and make files; one that serves renews it within minutes, "
                           "else remove it"};
}

Result<KeyNeeds> look_once(Coffer& coffer, const std::set<Id>& keys) {
  KeyNeeds out;
  // First: what has arrived gets its name among the stores, and never goes back.
  COFFER_ASSIGN(out.arriving, keys_of_arrivals(coffer));
  COFFER_TRY(visit_files(coffer, {}, [&](const InventoryFile& file) {
    if (file.empty || file.leads_outside || file.status.code() == Code::kPlaintext) return Status::ok();
    if (!file.status.is_ok()) {
      if (out.unreadable++ == 0) out.unreadable_example = file.path;
      return Status::ok();
    }
    for (const Id& key : keys_needed(file.scan)) {
      if (!keys.contains(key)) continue;
      NeedingFiles& needing = out.by_key[key];
      if (needing.files++ < kExamplesMax) needing.examples += (needing.examples.empty() ? "" : ", ") + file.path;
    }
    return Status::ok();
  }));
  for (auto& [key, needing] : out.by_key) needing.examples += needing.files > kExamplesMax ? ", …" : "";
  out.missing = missing_stores(coffer);
  COFFER_ASSIGN(out.by_mariadb, keys_beyond_files(coffer));
  return out;
}

}  // namespace

Status wait_for_programs(Coffer& coffer) {
  const uint64_t version = coffer.keyring()->version();
  COFFER_TRY(wait_for_uses(coffer, version));
  return check_copy(coffer, version);
}

KeyAnswer KeyNeeds::answer_to(const KeyQuestion& question) const {
  KeyAnswer out{question.id};
  if (const auto found = by_key.find(question.key); found != by_key.end()) out.needing = found->second.files;
  out.needing += arriving.contains(question.key) ? 1 : 0;
  out.unclear = unreadable + missing.size() + (by_mariadb.contains(question.key) ? 1 : 0);
  return out;
}

Result<KeyNeeds> look_for_needs(Coffer& coffer, const std::set<Id>& keys) {
  COFFER_TRY(wait_for_programs(coffer));
  COFFER_ASSIGN(KeyNeeds first, look_once(coffer, keys));
  if (first.by_key.size() == keys.size()) return first;
  // A file that was renamed meanwhile, from where the look had not been to where it had, is seen by the second one.
  COFFER_ASSIGN(KeyNeeds out, look_once(coffer, keys));
  out.by_key.merge(first.by_key);
  return out;
}

}  // namespace coffer
