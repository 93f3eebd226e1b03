#include "coffer/net/kmip/client.h"

namespace coffer::kmip {
namespace {

constexpr size_t kAttributesBatch = 32;
constexpr size_t kKeyMaterialMax = 512;
constexpr int32_t kNonceSize = 12;
constexpr int32_t kTagSize = 16;

constexpr Tag kWanted[] = {"Name"_tag,
                           "Object Type"_tag,
                           "Cryptographic Algorithm"_tag,
                           "Cryptographic Length"_tag,
                           "Cryptographic Usage Mask"_tag,
                           "State"_tag,
                           "Object Group"_tag,
                           "Initial Date"_tag,
                           "Activation Date"_tag,
                           "Process Start Date"_tag,
                           "Protect Stop Date"_tag,
                           "Deactivation Date"_tag,
                           "Compromise Date"_tag,
                           "Destroy Date"_tag};

OperationRequest get_request(const std::string& id) {
  return {Operation::kGet, [id](TtlvWriter& writer, ProtocolVersion) { writer.text("Unique Identifier"_tag, id); }};
}

OperationRequest attributes_request(const std::string& id, std::span<const std::string> custom) {
  const std::vector<std::string> names(custom.begin(), custom.end());
  return {Operation::kGetAttributes, [id, names](TtlvWriter& writer, ProtocolVersion version) {
            writer.text("Unique Identifier"_tag, id);
            write_attribute_references(writer, version, kWanted, names);
          }};
}

// Symmetric Key → the bytes of the key. They go from the message straight into secret memory.
Status read_key_block(const Item& payload, FetchedKey& out) {
  const auto object = payload.find("Symmetric Key"_tag);
  if (!object) return {Code::kUnsupported, "it is no symmetric key"};
  COFFER_ASSIGN(const Item block, object->child("Key Block"_tag));
  if (block.find("Key Wrapping Data"_tag))
    return {Code::kUnsupported, "the server gives it only wrapped by another key"};
  if (const auto algorithm = block.find("Cryptographic Algorithm"_tag)) {
    COFFER_ASSIGN(out.algorithm, algorithm->enumeration());
  }
  if (const auto bits = block.find("Cryptographic Length"_tag)) {
    COFFER_ASSIGN(out.bits, bits->integer());
  }
  COFFER_ASSIGN(const Item value, block.child("Key Value"_tag));
  COFFER_ASSIGN(Item material, value.child("Key Material"_tag));
  if (material.type() == ItemType::kStructure) {
    COFFER_ASSIGN(material, material.child("Key"_tag));
  }
  COFFER_ASSIGN(const ByteView bytes, material.bytes());
  if (bytes.empty() || bytes.size() > kKeyMaterialMax)
    return {Code::kDamaged, "kmip message: Key Material of an unlikely size"};
  out.key = RootKey::copy_of(bytes);
  return Status::ok();
}

void write_gcm(TtlvWriter& writer) {
  const auto parameters = writer.structure("Cryptographic Parameters"_tag);
  writer.enumeration("Block Cipher Mode"_tag, static_cast<uint32_t>(BlockCipherMode::kGcm));
  writer.enumeration("Cryptographic Algorithm"_tag, static_cast<uint32_t>(CryptographicAlgorithm::kAes));
  writer.integer("IV Length"_tag, kNonceSize);
  writer.integer("Tag Length"_tag, kTagSize);
}

Result<Bytes> read_bytes(const Item& payload, Tag tag) {
  COFFER_ASSIGN(const Item item, payload.child(tag));
  COFFER_ASSIGN(const ByteView bytes, item.bytes());
  return Bytes(bytes.begin(), bytes.end());
}

}  // namespace

Status check_not_destroyed(const KeyAttributes& key, std::string_view where) {
  if (!key.is_destroyed()) return Status::ok();
  const std::string when = key.destroy_date ? " " + date_text(*key.destroy_date) : "";
  return {Code::kKeyUnavailable, std::string(where) + ": key " + excerpt(key.id) + " was destroyed" + when +
                                     "; what only it protects is lost, unless the server has a backup of it"};
}

Result<FetchedKey> Client::get(const std::string& id) const {
  const OperationRequest requests[] = {get_request(id), attributes_request(id, {})};
  COFFER_ASSIGN(const Answer answer, group_->call(requests, Repeat::kAlways));
  const Status got = status_in(answer, 0, "Get of key " + excerpt(id));
  const Status got_attributes = status_in(answer, 1, "Get Attributes of key " + excerpt(id));
  FetchedKey out;
  if (got_attributes) {
    COFFER_ASSIGN(const Item attributes, payload_in(answer, 1));
    COFFER_TRY(read_attributes(attributes, out.attributes));
    out.attributes.id = id;
    COFFER_TRY(check_not_destroyed(out.attributes, "kmip host " + answer.host));
  }
  COFFER_TRY(got);
  COFFER_TRY(got_attributes);
  COFFER_ASSIGN(const Item payload, payload_in(answer));
  COFFER_TRY(read_key_block(payload, out).with_context("kmip host " + answer.host + ": key " + excerpt(id)));
  return out;
}

Result<KeyAttributes> Client::attributes(const std::string& id, std::span<const std::string> custom) const {
  COFFER_ASSIGN(const Answer answer, call(attributes_request(id, custom), "Get Attributes of key " + excerpt(id)));
  COFFER_ASSIGN(const Item payload, payload_in(answer));
  KeyAttributes out;
  COFFER_TRY(read_attributes(payload, out));
  out.id = id;
  return out;
}

Result<std::vector<KeyAttributes>> Client::attributes(std::span<const std::string> ids,
                                                      std::span<const std::string> custom) const {
  std::vector<KeyAttributes> out;
  while (!ids.empty()) {
    const size_t count = std::min(ids.size(), kAttributesBatch);
    std::vector<OperationRequest> requests;
    for (const std::string& id : ids.first(count)) requests.push_back(attributes_request(id, custom));
    COFFER_ASSIGN(const Answer answer, group_->call(requests, Repeat::kAlways));
    for (size_t i = 0; i < count; ++i) {
      const Status status = status_in(answer, i, "Get Attributes of key " + excerpt(ids[i]));
      if (status.code() == Code::kNotFound || status.code() == Code::kPermissionDenied) continue;
      COFFER_TRY(status);
      COFFER_ASSIGN(const Item payload, payload_in(answer, i));
      KeyAttributes attributes;
      COFFER_TRY(read_attributes(payload, attributes));
      attributes.id = ids[i];
      out.push_back(std::move(attributes));
    }
    ids = ids.subspan(count);
  }
  return out;
}

Result<SealedData> Client::encrypt(const std::string& id, ByteView nonce, ByteView associated,
                                   const SecretBytes& plain) const {
  const OperationRequest request{Operation::kEncrypt,
                                 [&](TtlvWriter& writer, ProtocolVersion) {
                                   writer.text("Unique Identifier"_tag, id);
                                   write_gcm(writer);
                                   writer.bytes("Data"_tag, plain.reveal());
                                   writer.bytes("IV/Counter/Nonce"_tag, nonce);
                                   writer.bytes("Authenticated Encryption Additional Data"_tag, associated);
                                 },
                                 kKmip14};
  COFFER_ASSIGN(const Answer answer, call_or(Code::kUnsupported, request, "Encrypt with key " + excerpt(id)));
  COFFER_ASSIGN(const Item payload, payload_in(answer));
  SealedData out;
  COFFER_ASSIGN(out.ciphertext, read_bytes(payload, "Data"_tag));
  COFFER_ASSIGN(out.tag, read_bytes(payload, "Authenticated Encryption Tag"_tag));
  if (out.ciphertext.size() == plain.size() && out.tag.size() == kTagSize) return out;
  return {Code::kProviderUnavailable,
          "kmip host " + answer.host + ": what it encrypted has not the size that AES-GCM yields"};
}

Result<SecretBytes> Client::decrypt(const std::string& id, ByteView nonce, ByteView associated,
                                    const SealedData& sealed) const {
  const OperationRequest request{Operation::kDecrypt,
                                 [&](TtlvWriter& writer, ProtocolVersion) {
                                   writer.text("Unique Identifier"_tag, id);
                                   write_gcm(writer);
                                   writer.bytes("Data"_tag, sealed.ciphertext);
                                   writer.bytes("IV/Counter/Nonce"_tag, nonce);
                                   writer.bytes("Authenticated Encryption Additional Data"_tag, associated);
                                   writer.bytes("Authenticated Encryption Tag"_tag, sealed.tag);
                                 },
                                 kKmip14};
  COFFER_ASSIGN(const Answer answer, call_or(Code::kWrongKey, request, "Decrypt with key " + excerpt(id)));
  COFFER_ASSIGN(const Item payload, payload_in(answer));
  COFFER_ASSIGN(const Item data, payload.child("Data"_tag));
  COFFER_ASSIGN(const ByteView bytes, data.bytes());
  return SecretBytes::copy_of(bytes);
}

}  // namespace coffer::kmip
