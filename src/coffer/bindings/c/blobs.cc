// Blobs, as C has them. docs/format.md, "Blobs".
#include <algorithm>

#include "coffer/bindings/c/handles.h"

namespace coffer::bindings {
namespace {

static_assert(COFFER_BLOB_OVERHEAD == kBlobOverhead);
static_assert(COFFER_MESSAGE_SIZE_MAX == kBlobMessageSizeMax);
static_assert(COFFER_CONTEXT_SIZE_MAX == kBlobContextSizeMax);
static_assert(COFFER_WRAPPED_KEY_SIZE_MIN == kBlobKeySizeMin);
static_assert(COFFER_WRAPPED_KEY_SIZE_MAX == kBlobKeySizeMax);

// Buffers of the caller's, as two arguments each have them.
struct InBuffer {
  const void* data;
  size_t size;
  const char* name;

  Result<ByteView> view() const { return bytes_at(data, size, name); }
};
struct OutBuffer {
  void* data;
  size_t size;
  const char* name;

  Result<MutableBytes> room() const { return room_at(data, size, name); }
  // The first `needed` bytes of it.
  Result<MutableBytes> room(size_t needed) const {
    if (size >= needed) return room_at(data, needed, name);
    return {Code::kInvalidArgument, std::string(name) + " has room for " + std::to_string(size) + " bytes, and " +
                                        std::to_string(needed) + " are to be written"};
  }
};

Status seal(const coffer_t* handle, BlobPurpose purpose, const char* domain, const InBuffer& context,
            const InBuffer& message, const OutBuffer& blob) {
  COFFER_ASSIGN(Coffer* const coffer, opened(handle));
  COFFER_TRY(check_given(domain, "domain"));
  COFFER_ASSIGN(const ByteView context_view, context.view());
  COFFER_ASSIGN(const ByteView message_view, message.view());
  COFFER_TRY(check_blob_sizes(purpose, message.size, context.size));
  COFFER_ASSIGN(const MutableBytes out, blob.room(message.size + kBlobOverhead));
  return coffer->seal_blob(purpose, domain, context_view, message_view, out);
}

Status unseal(const coffer_t* handle, BlobPurpose purpose, const InBuffer& context, const InBuffer& blob,
              const OutBuffer& message) {
  COFFER_ASSIGN(Coffer* const coffer, opened(handle));
  COFFER_ASSIGN(const ByteView context_view, context.view());
  COFFER_ASSIGN(const ByteView blob_view, blob.view());
  COFFER_ASSIGN(const MutableBytes out, message.room());
  return coffer->open_blob(blob_view, purpose, context_view, out);
}

}  // namespace
}  // namespace coffer::bindings

using coffer::BlobFields;
using coffer::BlobPurpose;
using coffer::ByteView;
using coffer::Coffer;
using coffer::MutableBytes;
using coffer::Status;
using coffer::bindings::bytes_at;
using coffer::bindings::check_given;
using coffer::bindings::guarded;
using coffer::bindings::InBuffer;
using coffer::bindings::opened;
using coffer::bindings::OutBuffer;

coffer_code_t coffer_seal(coffer_t* handle, const char* domain, const void* context, size_t context_size,
                          const void* message, size_t message_size, void* blob, size_t blob_size,
                          coffer_error_t** error) {
  return guarded(error, [&] {
    return coffer::bindings::seal(handle, BlobPurpose::kData, domain, {context, context_size, "context"},
                                  {message, message_size, "message"}, {blob, blob_size, "blob"});
  });
}

coffer_code_t coffer_unseal(coffer_t* handle, const void* context, size_t context_size, const void* blob,
                            size_t blob_size, void* message, size_t message_size, coffer_error_t** error) {
  return guarded(error, [&] {
    return coffer::bindings::unseal(handle, BlobPurpose::kData, {context, context_size, "context"},
                                    {blob, blob_size, "blob"}, {message, message_size, "message"});
  });
}

coffer_code_t coffer_wrap_key(coffer_t* handle, const char* domain, const void* context, size_t context_size,
                              const void* key, size_t key_size, void* blob, size_t blob_size, coffer_error_t** error) {
  return guarded(error, [&] {
    return coffer::bindings::seal(handle, BlobPurpose::kKey, domain, {context, context_size, "context"},
                                  {key, key_size, "key"}, {blob, blob_size, "blob"});
  });
}

coffer_code_t coffer_unwrap_key(coffer_t* handle, const void* context, size_t context_size, const void* blob,
                                size_t blob_size, void* key, size_t key_size, coffer_error_t** error) {
  return guarded(error, [&] {
    return coffer::bindings::unseal(handle, BlobPurpose::kKey, {context, context_size, "context"},
                                    {blob, blob_size, "blob"}, {key, key_size, "key"});
  });
}

coffer_code_t coffer_rewrap(coffer_t* handle, const void* context, size_t context_size, const void* blob,
                            size_t blob_size, void* fresh, size_t fresh_size, coffer_error_t** error) {
  return guarded(error, [&]() -> Status {
    COFFER_ASSIGN(Coffer* const coffer, opened(handle));
    COFFER_ASSIGN(const ByteView context_view, bytes_at(context, context_size, "context"));
    COFFER_ASSIGN(const ByteView blob_view, bytes_at(blob, blob_size, "blob"));
    COFFER_ASSIGN(const MutableBytes out, (OutBuffer{fresh, fresh_size, "fresh"}.room(blob_size)));
    coffer::Bytes resealed(blob_size);  // what is at `fresh` may be all that there is
    COFFER_TRY(coffer->reseal_blob(blob_view, context_view, resealed));
    std::ranges::copy(resealed, out.begin());
    return Status::ok();
  });
}

coffer_code_t coffer_blob_inspect(const void* blob, size_t blob_size, uint64_t* message_size, uint8_t key_id[16],
                                  uint32_t* key_version, coffer_error_t** error) {
  BlobFields fields;
  const coffer_code_t code = guarded(error, [&]() -> Status {
    COFFER_ASSIGN(const ByteView view, bytes_at(blob, blob_size, "blob"));
    COFFER_ASSIGN(fields, coffer::read_blob(view));
    return Status::ok();
  });
  if (message_size != nullptr) *message_size = fields.message_size;
  if (key_id != nullptr) std::ranges::copy(fields.domain_key_id.bytes, key_id);
  if (key_version != nullptr) *key_version = fields.domain_key_version;
  return code;
}

coffer_code_t coffer_blob_is_outdated(coffer_t* handle, const void* blob, size_t blob_size, int32_t* is_outdated,
                                      coffer_error_t** error) {
  if (is_outdated != nullptr) *is_outdated = 0;
  return guarded(error, [&]() -> Status {
    COFFER_ASSIGN(Coffer* const coffer, opened(handle));
    COFFER_TRY(check_given(is_outdated, "is_outdated"));
    COFFER_ASSIGN(const ByteView view, bytes_at(blob, blob_size, "blob"));
    COFFER_ASSIGN(const bool outdated, coffer->is_blob_outdated(view));
    *is_outdated = outdated ? 1 : 0;
    return Status::ok();
  });
}
