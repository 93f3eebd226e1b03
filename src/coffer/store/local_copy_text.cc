// What the file of a local copy says: docs/format.md, "Local unlock".
#include <algorithm>
#include <nlohmann/json.hpp>

#include "coffer/keys/keyring_key_mac.h"
#include "coffer/store/local_copy.h"

namespace coffer {
namespace {

using CopyJson = nlohmann::json;

CopyJson copy_json(const LocalCopy& copy) {
  return {{"answered", copy.answered},
          {"coffer", copy.coffer_id.hex()},
          {"handle", to_hex(copy.handle.bytes)},
          {"keyring_version", copy.keyring_version},
          {"machine", copy.machine.hex()},
          {"seen", copy.seen},
          {"slot", copy.slot_id.hex()},
          {"wrap_algorithm", copy.wrapped.algorithm},
          {"wrapped", to_hex(copy.wrapped.bytes)}};
}

// Members of one object: each is there and of its type, or the whole is no copy.
class CopyFields {
 public:
  explicit CopyFields(const CopyJson& json) : json_(json) {}

  uint64_t number(const char* name) {
    const auto found = json_.find(name);
    if (found == json_.end() || !found->is_number_unsigned()) return missing(uint64_t{0});
    return found->get<uint64_t>();
  }
  Bytes bytes(const char* name, size_t size_max) {
    const auto found = json_.find(name);
    if (found == json_.end() || !found->is_string()) return missing(Bytes());
    auto bytes = from_hex(found->get<std::string>());
    if (!bytes.is_ok() || bytes->size() > size_max) return missing(Bytes());
    return std::move(*bytes);
  }
  Id id(const char* name) {
    const auto found = json_.find(name);
    if (found == json_.end() || !found->is_string()) return missing(Id());
    const auto id = Id::parse(found->get<std::string>());
    return id.is_ok() ? *id : missing(Id());
  }
  bool are_all_there() const { return all_there_; }

 private:
  template <class T>
  T missing(T nothing) {
    all_there_ = false;
    return nothing;
  }

  const CopyJson& json_;
  bool all_there_ = true;
};

// `copy`: as it stands in the file, with its names in order.
Result<std::string> mac_of_copy(const std::string& copy, const Id& coffer_id, const KeyringKey& key) {
  COFFER_ASSIGN(const Sha256 mac, mac_by_keyring_key(key, "local unlock", coffer_id, copy));
  return to_hex(mac);
}

std::string dump(const CopyJson& json) { return json.dump(-1, ' ', false, CopyJson::error_handler_t::replace); }

}  // namespace

Result<std::string> seal_local_copy(const LocalCopy& copy, const KeyringKey& key) {
  CopyJson json = {{"copy", copy_json(copy)}};
  COFFER_ASSIGN(json["mac"], mac_of_copy(dump(json["copy"]), copy.coffer_id, key));
  return dump(json) + "\n";
}

Result<LocalCopy> read_local_copy(std::string_view text, const std::string& name) {
  const Status not_one(Code::kDamaged, "the local unlock " + name + " is not as Coffer writes it; remove it");
  const auto json = CopyJson::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || json.size() != 2 || !json.contains("copy") || !json.contains("mac")) return not_one;
  if (!json["copy"].is_object() || json["copy"].size() != 9 || !json["mac"].is_string()) return not_one;
  CopyFields fields(json["copy"]);
  LocalCopy out;
  out.answered = fields.number("answered");
  out.coffer_id = fields.id("coffer");
  out.handle.bytes = fields.bytes("handle", kRootKeyHandleSizeMax);
  out.keyring_version = fields.number("keyring_version");
  out.machine = fields.id("machine");
  out.seen = fields.number("seen");
  out.slot_id = fields.id("slot");
  const uint64_t algorithm = fields.number("wrap_algorithm");
  out.wrapped.algorithm = static_cast<uint8_t>(algorithm);
  out.wrapped.bytes = fields.bytes("wrapped", kWrappedKeyringKeySizeMax);
  if (!fields.are_all_there() || algorithm > UINT8_MAX) return not_one;
  return out;
}

Status authenticate_local_copy(std::string_view text, const std::string& name, const KeyringKey& key) {
  COFFER_ASSIGN(const LocalCopy copy, read_local_copy(text, name));
  const auto json = CopyJson::parse(text, nullptr, /*allow_exceptions=*/false);
  COFFER_ASSIGN(const std::string mac, mac_of_copy(dump(json["copy"]), copy.coffer_id, key));
  if (equal_constant_time(as_bytes(mac), as_bytes(json["mac"].get<std::string>()))) return Status::ok();
  return {Code::kTampered, "the local unlock " + name + " was changed by something other than Coffer; remove it"};
}

Result<Id> machine_id_of(std::string_view machine_id) {
  const size_t end = machine_id.find_last_not_of(" \n");
  COFFER_ASSIGN(const Sha256 hash, sha256(labelled("coffer/v1 machine", as_bytes(machine_id.substr(0, end + 1)))));
  Id out;
  std::copy_n(hash.begin(), out.bytes.size(), out.bytes.begin());
  return out;
}

Result<Id> own_machine_id() {
  const auto text = read_file(Disk::posix(), "/etc/machine-id", 4096);
  return machine_id_of(text.is_ok() ? as_text(*text) : std::string_view());
}

}  // namespace coffer
