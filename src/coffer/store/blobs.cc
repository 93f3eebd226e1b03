// Where keys meet blobs. docs/format.md, "Blobs".
#include <algorithm>

#include "coffer/store/coffer.h"

namespace coffer {
namespace {

// What errors about its key call it.
constexpr const char* kTheBlob = "the blob";

std::string_view purpose_text(BlobPurpose purpose) {
  return purpose == BlobPurpose::kKey ? "a wrapped key" : "a sealed message";
}

}  // namespace

Status Coffer::seal_blob(BlobPurpose purpose, std::string_view domain, ByteView context, ByteView plaintext,
                         MutableBytes out) {
  COFFER_TRY(check_blob_sizes(purpose, plaintext.size(), context.size()));
  COFFER_ASSIGN(const Wrapping wrapping, begin_writing(domain));
  COFFER_ASSIGN(const DomainKey key, wrapping.open_key());
  BlobFields fields;
  fields.purpose = purpose;
  fields.domain_key_version = wrapping.key->version;
  fields.message_size = static_cast<uint32_t>(plaintext.size());
  fields.keyring_version = wrapping.keys->version();
  fields.domain_key_id = wrapping.key->id;
  const Status sealed = coffer::seal_blob(fields, key, context, plaintext, out.data());
  if (!sealed.is_ok()) std::ranges::fill(out, uint8_t{0});
  COFFER_TRY(sealed);
  const auto counter = usage_.counter(fields.domain_key_id);
  counter->sealed();
  counter->wrote(plaintext.size());
  return Status::ok();
}

Status Coffer::open_blob(ByteView blob, BlobPurpose purpose, ByteView context, MutableBytes out) {
  COFFER_ASSIGN(const BlobFields fields, read_blob(blob));
  if (fields.purpose != purpose) {
    return {Code::kInvalidArgument, "the blob is " + std::string(purpose_text(fields.purpose)) + ", not " +
                                        std::string(purpose_text(purpose))};
  }
  return open_blob_of(fields, blob, context, out);
}

Status Coffer::open_blob_of(const BlobFields& fields, ByteView blob, ByteView context, MutableBytes out) {
  COFFER_TRY(check_blob_sizes(fields.purpose, fields.message_size, context.size()));
  if (out.size() < fields.message_size) {
    return {Code::kInvalidArgument, "there is room for " + std::to_string(out.size()) + " bytes, and the blob holds " +
                                        std::to_string(fields.message_size)};
  }
  COFFER_ASSIGN(const Unwrapping unwrapping,
                unwrapping_key(fields.domain_key_id, fields.keyring_version, kTheBlob, IfLocked::kRefuse));
  COFFER_ASSIGN(const DomainKey key, unwrapping.open_key());
  COFFER_TRY(coffer::open_blob(blob, fields, key, context, out.data()));
  const Status newest = check_not_older(unwrapping, fields.keyring_version, kTheBlob);
  if (!newest.is_ok()) wipe(out.data(), fields.message_size);
  return newest;
}

Status Coffer::reseal_blob(ByteView blob, ByteView context, MutableBytes out) {
  COFFER_ASSIGN(const BlobFields fields, read_blob(blob));
  SecretBytes message(fields.message_size);
  COFFER_TRY(open_blob_of(fields, blob, context, message.reveal_mutable()));
  const std::shared_ptr<const Keyring> keys = keyring();
  const Domain* domain = keys->find_key(fields.domain_key_id).domain;
  if (domain == nullptr) return {Code::kKeyUnavailable, "the blob's domain was just removed from the keyring"};
  return seal_blob(fields.purpose, domain->name, context, message.reveal(), out);
}

Result<bool> Coffer::is_blob_outdated(ByteView blob) {
  COFFER_ASSIGN(const BlobFields fields, read_blob(blob));
  keyring_->refresh_without_waiting();
  COFFER_ASSIGN(const Unwrapping unwrapping,
                unwrapping_key(fields.domain_key_id, fields.keyring_version, kTheBlob, IfLocked::kRefuse));
  return rollouts_.present_key(*unwrapping.keys, *unwrapping.key.domain) != unwrapping.key.entry;
}

}  // namespace coffer
