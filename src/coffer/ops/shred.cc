#include "coffer/ops/shred.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "coffer/base/clock.h"

namespace coffer {
namespace {

using CertificateJson = nlohmann::ordered_json;

constexpr std::string_view kCertificateType = "coffer certificate of shredding";
constexpr std::string_view kRemains =
    "copies of the keyring from before, with the root key of their time: backups, snapshots, unused blocks of its "
    "disk; of backups by coffer, copies from before of their targets, with the root key of one of their recipients";

CertificateJson keys_json(const std::vector<DomainKeyEntry>& keys) {
  CertificateJson out = CertificateJson::array();
  for (const DomainKeyEntry& key : keys) {
    out.push_back({{"id", key.id.hex()}, {"version", key.version}, {"destroyed", key.destroyed}});
  }
  return out;
}

CertificateJson backups_json(const std::vector<BackupOfShredded>& backups, bool reached) {
  CertificateJson out = CertificateJson::array();
  for (const BackupOfShredded& backup : backups) {
    if (backup.not_reached.empty() != reached) continue;
    CertificateJson each = {{"id", backup.id.hex()}, {"target", backup.target}};
    if (!reached) each["why"] = backup.not_reached;
    out.push_back(std::move(each));
  }
  return out;
}

bool is_shredded(const Domain& domain) {
  for (const DomainKeyEntry& key : domain.keys) {
    if (key.state != KeyState::kDestroyed) return false;
  }
  return true;
}

Result<Usage> files_under(Coffer& coffer, const Domain& domain) {
  COFFER_ASSIGN(const Inventory inventory, take_inventory(coffer, {}));
  const auto found = inventory.by_domain.find(domain.name);
  return found == inventory.by_domain.end() ? Usage{} : found->second;
}

// Its first line is what is signed, without the line's end.
Result<std::string> certificate_of(const Coffer& coffer, const std::string& domain, const Shredding& done,
                                   uint64_t version_before) {
  const auto keyring = coffer.keyring();
  CertificateJson stores = CertificateJson::array();
  for (const StoreEntry& store : coffer.places().stores(*keyring)) stores.push_back(store.path);
  const CertificateJson statement = {{"type", kCertificateType},
                                     {"version", 1},
                                     {"coffer", keyring->coffer_id().hex()},
                                     {"domain", domain},
                                     {"time", now_seconds()},
                                     {"keyring", coffer.live_keyring().name()},
                                     {"keyring_version_before", version_before},
                                     {"keyring_version_after", done.keyring_version},
                                     {"keys", keys_json(done.keys)},
                                     {"files", done.lost.files},
                                     {"bytes", done.lost.bytes},
                                     {"stores", std::move(stores)},
                                     {"backups", backups_json(done.backups, true)},
                                     {"backups_not_reached", backups_json(done.backups, false)},
                                     {"not_reached", kRemains}};
  const std::string text = statement.dump(-1, ' ', false, CertificateJson::error_handler_t::replace);
  COFFER_ASSIGN(const Signed signature, keyring->sign(as_bytes(text)));
  const CertificateJson by = {{"ed25519_public_key", to_hex(signature.public_key)},
                              {"signature", to_hex(signature.signature)}};
  return text + "\n" + by.dump() + "\n";
}

Result<Bytes> hex_field(const CertificateJson& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return {Code::kTampered, std::string("no field ") + name};
  return from_hex(found->get<std::string>());
}

// The statement, if the coffer has signed it.
Result<CertificateJson> signed_statement(const Keyring& keyring, std::string_view text) {
  const size_t end = text.find('\n');
  if (end == std::string_view::npos) return {Code::kTampered, "it does not have two lines"};
  const auto by = CertificateJson::parse(text.substr(end + 1), nullptr, /*allow_exceptions=*/false);
  if (!by.is_object()) return {Code::kTampered, "its second line is no JSON object"};
  COFFER_ASSIGN(const Bytes signature, hex_field(by, "signature"));
  COFFER_ASSIGN(const Bytes public_key, hex_field(by, "ed25519_public_key"));
  COFFER_ASSIGN(Signed ours, keyring.sign({}));
  if (!std::ranges::equal(public_key, ours.public_key)) return {Code::kTampered, "another coffer signed it"};
  if (signature.size() != ours.signature.size()) return {Code::kTampered, "its signature has the wrong size"};
  std::copy(signature.begin(), signature.end(), ours.signature.begin());
  const std::string_view line = text.substr(0, end);
  COFFER_TRY(check_signature(ours, as_bytes(line)));
  auto statement = CertificateJson::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!statement.is_object() || statement.value("type", "") != kCertificateType) {
    return {Code::kTampered, "it is no certificate of shredding"};
  }
  return statement;
}

}  // namespace

Status not_certified(const std::string& domain, const Status& why) {
  return why.with_context("domain " + domain + " is shredded, but not certified; coffer shred once more certifies it");
}

Result<Shredding> shred(Coffer& coffer, const std::string& domain) {
  COFFER_TRY(coffer.at_home());
  COFFER_TRY(coffer.live_keyring().refresh());
  const auto before = coffer.keyring();
  const Domain* found = before->find_domain(domain);
  if (found == nullptr)
    return {Code::kNotFound, "no domain \"" + domain + "\" in the keyring of " + coffer.directory()};
  // What cannot be certified is not begun.
  COFFER_TRY(before->sign({}).status().with_context("no certificate can be made"));
  Shredding out;
  out.was_done = is_shredded(*found);
  uint64_t version_before = before->version();
  if (!out.was_done) {
    COFFER_TRY(coffer.live_keyring().update([&](Keyring& keyring) {
      version_before = keyring.version();
      return keyring.shred_domain(domain, now_seconds());
    }));
  }
  // What still has the keys is no certificate's matter before they are gone there, too.
  const Status forgotten = coffer.live_keyring().forget_replaced();
  if (!forgotten.is_ok()) return not_certified(domain, forgotten);
  const auto after = coffer.keyring();
  out.keyring_version = after->version();
  out.keys = after->find_domain(domain)->keys;
  // Their headers can still be read: under which keys they are stands there in clear.
  auto lost = files_under(coffer, *found);
  if (!lost.is_ok()) return not_certified(domain, lost.status());
  out.lost = *lost;
  auto backups = shred_in_backups(coffer, domain);
  if (!backups.is_ok()) return not_certified(domain, backups.status());
  out.backups = std::move(*backups);
  auto certificate = certificate_of(coffer, domain, out, version_before);
  if (!certificate.is_ok()) return not_certified(domain, certificate.status());
  out.certificate = std::move(*certificate);
  return out;
}

Result<CheckedCertificate> check_certificate(Coffer& coffer, ByteView certificate) {
  COFFER_TRY(coffer.live_keyring().refresh());
  const auto keyring = coffer.keyring();
  COFFER_ASSIGN(const CertificateJson statement, signed_statement(*keyring, as_text(certificate)));
  CheckedCertificate out{statement.value("domain", ""), statement.value("time", uint64_t{0}),
                         statement.value("keyring_version_after", uint64_t{0}), statement["keys"].size()};
  if (keyring->version() < out.keyring_version) {
    return {Code::kRolledBack, "the keyring of " + coffer.directory() + " is older than the certificate: version " +
                                   std::to_string(keyring->version()) + ", not " + std::to_string(out.keyring_version)};
  }
  for (const CertificateJson& key : statement["keys"]) {
    COFFER_ASSIGN(const Id id, Id::parse(key.value("id", "")));
    const DomainKeyEntry* entry = keyring->find_key(id).entry;
    if (entry == nullptr || entry->key.empty()) continue;
    return {Code::kRolledBack, "the keyring of " + coffer.directory() + " has key " + id.short_hex() + " again"};
  }
  return out;
}

}  // namespace coffer
