#include "coffer/net/kmip/client.h"

#include <algorithm>

#include "coffer/base/check.h"
#include "coffer/crypto/random.h"
#include "coffer/crypto/suite.h"

namespace coffer::kmip {
namespace {

constexpr int32_t kLocatePage = 256;
constexpr size_t kAttributesBatch = 32;
constexpr size_t kKeyMaterialMax = 512;

using WritePayload = std::function<void(TtlvWriter&, ProtocolVersion)>;

// The payload begins with the key's identifier; `more` writes what follows.
OperationRequest on_key(Operation operation, const std::string& id, const WritePayload& more = {},
                        ProtocolVersion least = kKmip10) {
  return {operation,
          [id, more](TtlvWriter& writer, ProtocolVersion version) {
            writer.text("Unique Identifier"_tag, id);
            if (more) more(writer, version);
          },
          least};
}

std::string of_key(Operation operation, const std::string& id) {
  return describe(operation) + " of key " + excerpt(id);
}

void write_new_key(TtlvWriter& writer, ProtocolVersion version, const NewKey& key) {
  writer.enumeration("Object Type"_tag, ObjectType::kSymmetricKey);
  const auto all = writer.structure(version >= kKmip20 ? "Attributes"_tag : "Template-Attribute"_tag);
  AttributeWriter attributes(writer, version);
  attributes.enumeration("Cryptographic Algorithm"_tag, CryptographicAlgorithm::kAes);
  attributes.integer("Cryptographic Length"_tag, key.bits);
  attributes.integer("Cryptographic Usage Mask"_tag, key.usage_mask);
  if (!key.name.empty()) attributes.name(key.name);
  attributes.space(key.space);
  if (!key.operation_policy.empty() && version < kKmip20) {
    attributes.text("Operation Policy Name"_tag, key.operation_policy);
  }
}

OperationRequest locate_request(const KeyFilter& filter, int32_t offset) {
  return {"Locate"_operation, [filter, offset](TtlvWriter& writer, ProtocolVersion version) {
            writer.integer("Maximum Items"_tag,
                           version >= kKmip13 ? kLocatePage : static_cast<int32_t>(kLocatedMax) + 1);
            if (offset > 0) writer.integer("Offset Items"_tag, offset);
            std::optional<TtlvWriter::Structure> fields;
            if (version >= kKmip20) fields.emplace(writer, "Attributes"_tag);
            AttributeWriter attributes(writer, version);
            attributes.enumeration("Object Type"_tag, ObjectType::kSymmetricKey);
            if (!filter.name.empty()) attributes.name(filter.name);
            if (filter.space.attribute.empty()) attributes.space(filter.space);
          }};
}

OperationRequest attributes_request(const std::string& id, const KeySpace& space) {
  return on_key("Get Attributes"_operation, id, [space](TtlvWriter& writer, ProtocolVersion version) {
    write_attribute_references(writer, version, space);
  });
}

// AES-GCM; `tag` is what there is to check, if anything is. What the views show must outlive the request.
OperationRequest gcm_request(Operation operation, const std::string& id, ByteView nonce, ByteView associated,
                             ByteView data, ByteView tag = {}) {
  const auto write = [=](TtlvWriter& writer, ProtocolVersion) {
    {
      const auto parameters = writer.structure("Cryptographic Parameters"_tag);
      writer.enumeration("Block Cipher Mode"_tag, BlockCipherMode::kGcm);
      writer.enumeration("Cryptographic Algorithm"_tag, CryptographicAlgorithm::kAes);
      writer.integer("IV Length"_tag, kNonceSize);
      writer.integer("Tag Length"_tag, kTagSize);
    }
    writer.bytes("Data"_tag, data);
    writer.bytes("IV/Counter/Nonce"_tag, nonce);
    writer.bytes("Authenticated Encryption Additional Data"_tag, associated);
    if (!tag.empty()) writer.bytes("Authenticated Encryption Tag"_tag, tag);
  };
  return on_key(operation, id, write, kKmip14);
}

Status status_in(const Answer& answer, std::string_view what, size_t index = 0) {
  const Status status =
      status_of(answer.response.results()[index], "kmip host " + answer.host + ": " + std::string(what));
  if (status.code() != Code::kPermissionDenied) return status;
  return {status.code(),
          std::string(status.message()) + "; the server's policy must allow it to this client, by its certificate"};
}

Result<Item> payload_in(const Answer& answer, size_t index = 0) {
  if (const auto& payload = answer.response.results()[index].payload) return *payload;
  return {Code::kProviderUnavailable, "kmip host " + answer.host + ": a successful operation has no Response Payload"};
}

// Of a Locate.
bool finds_nothing(const Response& response) {
  const OperationResult& result = response.results()[0];
  if (result.status != ResultStatus::kSuccess) return false;
  return !result.payload || !result.payload->find("Unique Identifier"_tag);
}

Result<KeyAttributes> attributes_in(const Answer& answer, const std::string& id, size_t index = 0) {
  COFFER_TRY(status_in(answer, of_key("Get Attributes"_operation, id), index));
  COFFER_ASSIGN(const Item payload, payload_in(answer, index));
  KeyAttributes out;
  COFFER_TRY(read_attributes(payload, out));
  out.id = id;
  return out;
}

// Symmetric Key → the bytes of the key. They go from the message straight into secret memory.
Result<RootKey> read_key_block(const Item& payload) {
  const auto object = payload.find("Symmetric Key"_tag);
  if (!object) return {Code::kUnsupported, "it is no symmetric key"};
  COFFER_ASSIGN(const Item block, object->child("Key Block"_tag));
  if (block.find("Key Wrapping Data"_tag)) {
    return {Code::kUnsupported, "the server gives it only wrapped by another key"};
  }
  COFFER_ASSIGN(const Item value, block.child("Key Value"_tag));
  COFFER_ASSIGN(Item material, value.child("Key Material"_tag));
  if (material.type() == ItemType::kStructure) {
    COFFER_ASSIGN(material, material.child("Key"_tag));
  }
  COFFER_ASSIGN(const ByteView bytes, material.bytes());
  if (!bytes.empty() && bytes.size() <= kKeyMaterialMax) return RootKey::copy_of(bytes);
  return {Code::kDamaged, "kmip message: Key Material of an unlikely size"};
}

}  // namespace

Status check_not_destroyed(const KeyAttributes& key, std::string_view where) {
  if (!key.is_destroyed()) return Status::ok();
  const std::string when = key.destroy_date ? " " + date_text(*key.destroy_date) : "";
  return {Code::kKeyUnavailable, std::string(where) + ": key " + excerpt(key.id) + " was destroyed" + when +
                                     "; what only it protects is lost, unless the server has a backup of it"};
}

Result<Answer> Client::call(const OperationRequest& request, std::string_view what, Repeat repeat) const {
  COFFER_ASSIGN(Answer answer, group_->call(std::span(&request, 1), repeat));
  COFFER_TRY(status_in(answer, what));
  return answer;
}

Result<Answer> Client::call_or(Code otherwise, const OperationRequest& request, const std::string& id) const {
  COFFER_ASSIGN(Answer answer, group_->call(std::span(&request, 1), Repeat::kAlways));
  const Status status = status_in(answer, describe(request.operation) + " with key " + excerpt(id));
  if (status.code() == Code::kProviderUnavailable) return {otherwise, std::string(status.message())};
  if (!status) return status;
  return answer;
}

Status Client::change(const OperationRequest& request, const std::string& id) const {
  return call(request, of_key(request.operation, id)).status();
}

Result<ServerAbilities> Client::query() const {
  const OperationRequest request{"Query"_operation, [](TtlvWriter& writer, ProtocolVersion) {
                                   writer.enumeration("Query Function"_tag, QueryFunction::kQueryOperations);
                                 }};
  COFFER_ASSIGN(const Answer answer, call(request, "Query"));
  COFFER_ASSIGN(const Item payload, payload_in(answer));
  ServerAbilities out{answer.response.version(), {}};
  for (const Item item : payload.children()) {
    if (item.is("Operation"_tag, ItemType::kEnumeration)) out.operations.insert(Operation{*item.enumeration()});
  }
  return out;
}

Result<std::string> Client::create(const NewKey& key) const {
  const OperationRequest request{
      "Create"_operation, [&key](TtlvWriter& writer, ProtocolVersion version) { write_new_key(writer, version, key); }};
  COFFER_ASSIGN(const Answer answer, call(request, "Create of key " + key.name, Repeat::kOnlyIfUnsent));
  COFFER_ASSIGN(const Item payload, payload_in(answer));
  COFFER_ASSIGN(const std::string_view id, payload.get("Unique Identifier"_tag, &Item::text));
  if (!id.empty() && id.size() <= kIdSizeMax) return std::string(id);
  return {Code::kLimitExceeded, "kmip message: a Unique Identifier is empty or longer than 255 bytes"};
}

Result<std::vector<std::string>> Client::locate(const KeyFilter& filter) const {
  std::vector<std::string> out;
  while (true) {
    const auto request = locate_request(filter, static_cast<int32_t>(out.size()));
    COFFER_ASSIGN(const Answer answer, group_->look(request, finds_nothing));
    COFFER_TRY(status_in(answer, "Locate"));
    size_t found = 0;
    if (const auto& payload = answer.response.results()[0].payload) {
      for (const Item item : payload->children()) {
        if (item.tag() != "Unique Identifier"_tag) continue;
        COFFER_ASSIGN(const std::string_view id, item.text());
        if (!id.empty() && id.size() <= kIdSizeMax) out.emplace_back(id), ++found;
      }
    }
    if (out.size() > kLocatedMax) {
      return {Code::kLimitExceeded, "kmip host " + answer.host + ": more than " + std::to_string(kLocatedMax) +
                                        " keys match; put the key into a namespace of its own"};
    }
    // Before 1.3 there is no way to ask for what follows.
    if (answer.response.version() < kKmip13 || found < static_cast<size_t>(kLocatePage)) return out;
  }
}

Result<FetchedKey> Client::get(const std::string& id, const KeySpace& space) const {
  const OperationRequest requests[] = {on_key("Get"_operation, id), attributes_request(id, space)};
  COFFER_ASSIGN(const Answer answer, group_->call(requests, Repeat::kAlways));
  const std::string host = "kmip host " + answer.host;
  auto attributes = attributes_in(answer, id, 1);
  if (attributes) COFFER_TRY(check_not_destroyed(*attributes, host));
  COFFER_TRY(status_in(answer, of_key("Get"_operation, id)));
  if (!attributes) return attributes.status();
  COFFER_ASSIGN(const Item payload, payload_in(answer));
  auto key = read_key_block(payload);
  if (!key) return key.status().with_context(host + ": key " + excerpt(id));
  return FetchedKey{std::move(*key), std::move(*attributes)};
}

Result<KeyAttributes> Client::attributes(const std::string& id, const KeySpace& space) const {
  const OperationRequest request = attributes_request(id, space);
  COFFER_ASSIGN(const Answer answer, group_->call(std::span(&request, 1), Repeat::kAlways));
  return attributes_in(answer, id);
}

Result<std::vector<KeyAttributes>> Client::attributes(std::span<const std::string> ids, const KeySpace& space) const {
  std::vector<KeyAttributes> out;
  while (!ids.empty()) {
    const size_t count = std::min(ids.size(), kAttributesBatch);
    std::vector<OperationRequest> requests;
    for (const std::string& id : ids.first(count)) requests.push_back(attributes_request(id, space));
    COFFER_ASSIGN(const Answer answer, group_->call(requests, Repeat::kAlways));
    for (size_t i = 0; i < count; ++i) {
      auto attributes = attributes_in(answer, ids[i], i);
      if (attributes.code() == Code::kNotFound || attributes.code() == Code::kPermissionDenied) continue;
      if (!attributes) return attributes.status();
      out.push_back(std::move(*attributes));
    }
    ids = ids.subspan(count);
  }
  return out;
}

Status Client::expire(const std::string& id, int64_t at) const {
  COFFER_ASSIGN(const ServerAbilities server, query());
  COFFER_ASSIGN(const KeyAttributes known, attributes(id));
  const bool sets = server.version >= kKmip20;
  const Operation operation = sets                      ? "Set Attribute"_operation
                              : known.protect_stop_date ? "Modify Attribute"_operation
                                                        : "Add Attribute"_operation;
  const std::string what = describe(operation) + " of the Protect Stop Date of key " + excerpt(id);
  if (!server.can(operation)) {
    return {Code::kUnsupported, group_->settings().describe() + ": the server has no " + what};
  }
  const auto write = [at](TtlvWriter& writer, ProtocolVersion version) {
    std::optional<TtlvWriter::Structure> attribute;
    if (version >= kKmip20) attribute.emplace(writer, "New Attribute"_tag);
    AttributeWriter(writer, version).date("Protect Stop Date"_tag, at);
  };
  return call(on_key(operation, id, write, sets ? kKmip20 : kKmip10), what).status();
}

Status Client::activate(const std::string& id) const { return change(on_key("Activate"_operation, id), id); }

Status Client::revoke(const std::string& id, RevocationReason reason, std::string_view message, int64_t now) const {
  const auto write = [&](TtlvWriter& writer, ProtocolVersion) {
    {
      const auto structure = writer.structure("Revocation Reason"_tag);
      writer.enumeration("Revocation Reason Code"_tag, reason);
      if (!message.empty()) writer.text("Revocation Message"_tag, message);
    }
    if (reason == RevocationReason::kKeyCompromise) writer.date_time("Compromise Occurrence Date"_tag, now);
  };
  return change(on_key("Revoke"_operation, id, write), id);
}

Status Client::destroy(const std::string& id) const { return change(on_key("Destroy"_operation, id), id); }

Result<Bytes> Client::encrypt(const std::string& id, ByteView associated, const SecretBytes& plain) const {
  Bytes out(kNonceSize);
  COFFER_TRY(random_bytes(out));
  const OperationRequest request = gcm_request("Encrypt"_operation, id, out, associated, plain.reveal());
  COFFER_ASSIGN(const Answer answer, call_or(Code::kUnsupported, request, id));
  COFFER_ASSIGN(const Item payload, payload_in(answer));
  COFFER_ASSIGN(const ByteView data, payload.get("Data"_tag, &Item::bytes));
  COFFER_ASSIGN(const ByteView tag, payload.get("Authenticated Encryption Tag"_tag, &Item::bytes));
  out.insert(out.end(), data.begin(), data.end());
  out.insert(out.end(), tag.begin(), tag.end());
  if (data.size() == plain.size() && tag.size() == kTagSize) return out;
  return {Code::kProviderUnavailable,
          "kmip host " + answer.host + ": what it encrypted has not the size that AES-GCM yields"};
}

Result<SecretBytes> Client::decrypt(const std::string& id, ByteView associated, ByteView sealed) const {
  COFFER_REQUIRE(sealed.size() >= kNonceSize + kTagSize, "what AES-GCM sealed has a nonce and a tag");
  const ByteView ciphertext = sealed.first(sealed.size() - kTagSize).subspan(kNonceSize);
  const OperationRequest request =
      gcm_request("Decrypt"_operation, id, sealed.first(kNonceSize), associated, ciphertext, sealed.last(kTagSize));
  COFFER_ASSIGN(const Answer answer, call_or(Code::kWrongKey, request, id));
  COFFER_ASSIGN(const Item payload, payload_in(answer));
  COFFER_ASSIGN(const ByteView data, payload.get("Data"_tag, &Item::bytes));
  return SecretBytes::copy_of(data);
}

}  // namespace coffer::kmip
