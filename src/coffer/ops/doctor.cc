#include "coffer/ops/doctor.h"

#include <chrono>
#include <iterator>

#include "coffer/base/clock.h"
#include "coffer/crypto/random.h"
#include "coffer/crypto/stream.h"
#include "coffer/ops/audit.h"
#include "coffer/ops/node_slots.h"
#include "coffer/ops/root_standing.h"
#include "coffer/ops/slots.h"

namespace coffer {
namespace {

// Or why not at all.
Result<SealingSpeed> measure(const Config& config) {
  constexpr size_t kPiece = 16384;
  constexpr auto kLong = std::chrono::milliseconds(50);
  using Clock = std::chrono::steady_clock;
  COFFER_TRY(apply_crypto(config));
  const Suite suite = config.suite;
  COFFER_ASSIGN(const CryptoBackend* backend, crypto_backend(suite));
  COFFER_ASSIGN(const StreamKey key, random_key<StreamRole>(stream_key_size(suite)));
  COFFER_ASSIGN(StreamSealer sealer, StreamSealer::create(suite, key));
  Bytes piece(kPiece), sealed(kPiece + kTagSize);
  const Clock::time_point begun = Clock::now();
  uint64_t count = 0;
  while (Clock::now() - begun < kLong) COFFER_TRY(sealer.seal(count++, {}, piece, sealed.data()));
  const double seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  return SealingSpeed{std::string(suite_info(suite).name), std::string(backend->name),
                      static_cast<double>(count * kPiece) / seconds};
}

void add(Findings more, Findings& findings) {
  findings.insert(findings.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

Findings examine_surroundings(Coffer& coffer) {
  std::vector<std::string> stores;
  for (const auto keyring = coffer.keyring(); const StoreEntry& store : coffer.places().stores(*keyring))
    stores.push_back(coffer.places().here(store.path));
  Findings out = examine_placement(coffer.disk(), coffer.config_path(), coffer.config(), coffer.directory(), stores);
  add(examine_roots(coffer.config().providers.roots, roots_in_use(coffer.live_keyring())), out);
  return out;
}

// One that is being made may take a day.
void examine_backups(const Keyring& keyring, uint64_t now, Findings& out) {
  constexpr uint64_t kLongest = 24 * 3600;
  for (const ListedBackup& backup : keyring.backups()) {
    const bool is_being_made = backup.state == BackupState::kBeingMade && now > backup.begun + kLongest;
    if (!is_being_made && backup.state != BackupState::kBeingForgotten) continue;
    out.push_back({true,
                   "backup " + backup.id.hex() + " at " + backup.target + " is " +
                       std::string(backup_state_name(backup.state)) + (is_being_made ? " for more than a day" : ""),
                   is_being_made ? "it is no backup, and none is forgotten there as long as it is listed so"
                                 : "no backup begins there as long as it is listed so",
                   "coffer backup forget COFFER " + backup.id.hex() + ", unless that, or its making, is under way"});
  }
}

}  // namespace

Findings examine_root(const Status& found) {
  if (found.is_ok()) return {};
  return {{true, "the root key may not go on protecting: " + found.to_string(),
           "who opens the coffer next may not get it open",
           "let the key back in, or coffer rotate root --to another one"}};
}

Result<Findings> examine_at_work(Coffer& coffer) {
  COFFER_ASSIGN(Findings out, examine_permissions(coffer.disk(), coffer.config_path()));
  COFFER_ASSIGN(ProcessLimits limits, process_limits(coffer.disk(), ""));
  add(examine_machine(machine_facts(coffer.disk(), std::move(limits))), out);
  add(examine_surroundings(coffer), out);
  add(examine_contents(coffer), out);
  return out;
}

Findings examine_opened(Coffer& coffer) {
  Findings out = examine_root(coffer.live_keyring().check_root());
  add(examine_node_slots(coffer.live_keyring().node_slot_standing()), out);
  add(examine_contents(coffer), out);
  return out;
}

Findings examine_contents(Coffer& coffer) {
  Findings out;
  if (coffer.at_home().is_ok()) add(examine_local_unlock(coffer, now_seconds()), out);
  const auto keyring = coffer.keyring();
  for (const KeyGroup& group : keyring->groups()) {
    const auto key = coffer.live_keyring().groups().key_of(group);
    if (key.is_ok()) continue;
    out.push_back({true, key.status().to_string(), "no file of the group's domains can be read or written",
                   "let the group's root key back in; coffer group list shows which domains it has"});
  }
  examine_backups(*keyring, now_seconds(), out);
  if (const auto trail = audit_trail(coffer); !trail.is_ok() || !trail->wrong.empty()) {
    out.push_back({true, "the audit log: " + (trail.is_ok() ? trail->wrong.front().what : trail.status().to_string()),
                   "what was done to the keys cannot be told", "coffer audit verify says which lines"});
  }
  if (const std::string warning = audit_log_warning(coffer); !warning.empty()) {
    out.push_back({true, warning, "a rotation that is due would fail", "coffer audit archive COFFER FILE"});
  }
  if (const auto counts = coffer.usage().total(); !counts.is_ok()) {
    out.push_back({true, "what was written is not known: " + counts.status().to_string(),
                   "no key is rotated by max_seals or max_bytes", "remove " + coffer.directory() + "/usage"});
  }
  return out;
}

Result<Examination> examine(Disk& disk, const std::string& config_path, ProcessLimits limits,
                            const std::function<Result<std::shared_ptr<Coffer>>()>& open) {
  Examination out;
  COFFER_ASSIGN(out.findings, examine_permissions(disk, config_path));
  const auto coffer = open();
  // Of a machine on which the coffer is open.
  add(examine_machine(machine_facts(disk, std::move(limits))), out.findings);
  if (coffer.is_ok()) {
    add(examine_surroundings(**coffer), out.findings);
    add(examine_opened(**coffer), out.findings);
  } else {
    out.findings.push_back({true, "the coffer does not open: " + coffer.status().to_string(),
                            "nothing that it protects can be used", "coffer status says what to do"});
  }
  const auto read = read_config(disk, config_path);
  const Config config = read.is_ok() ? *read : Config{};
  const auto speed = measure(config);
  if (!speed.is_ok()) {
    out.findings.push_back({true, speed.status().to_string(), "no file can be read or written with this cipher",
                            "check this machine and its OpenSSL"});
    return out;
  }
  out.speed = *speed;
  out.crypto = crypto_in_use(config.suite);
  return out;
}

}  // namespace coffer
