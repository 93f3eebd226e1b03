#include "coffer/providers/root.h"

#include <algorithm>

#include "coffer/base/codec.h"
#include "coffer/keys/keyring.h"

namespace coffer {
namespace {

constexpr size_t kSchemeSizeMax = 32;

struct Handle {
  std::string_view scheme;
  KeyFields fields;
};

bool is_scheme(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

std::optional<Handle> decode(const RootKeyHandle& handle) {
  if (handle.bytes.size() > kRootKeyHandleSizeMax) return std::nullopt;
  Reader reader(handle.bytes);
  Handle out{as_text(reader.bytes8(kSchemeSizeMax)), {}};
  while (reader.ok() && reader.remaining() > 0) out.fields.emplace_back(as_text(reader.bytes16(kRootKeyHandleSizeMax)));
  if (!reader.finished() || !is_scheme(out.scheme)) return std::nullopt;
  return out;
}

// A message of a Root that names it already.
std::string_view without_name(std::string_view message, const std::string& name) {
  if (!message.starts_with(name)) return message;
  const std::string_view rest = message.substr(name.size());
  return rest.starts_with(": ") ? rest.substr(2) : message;
}

}  // namespace

Result<RootKeyHandle> encode_handle(std::string_view scheme, const KeyFields& fields) {
  size_t size = 1 + scheme.size();
  for (const std::string& field : fields) size += 2 + field.size();
  if (size > kRootKeyHandleSizeMax) {
    return {Code::kLimitExceeded, "the key's name at its provider takes " + std::to_string(size) +
                                      " bytes of the slot's handle, which has 512"};
  }
  RootKeyHandle handle{Bytes(size)};
  Writer writer(handle.bytes);
  writer.bytes8(as_bytes(scheme));
  for (const std::string& field : fields) writer.bytes16(as_bytes(field));
  return handle;
}

std::optional<KeyFields> decode_handle(std::string_view scheme, const RootKeyHandle& handle) {
  std::optional<Handle> decoded = decode(handle);
  if (!decoded.has_value() || decoded->scheme != scheme) return std::nullopt;
  return std::move(decoded->fields);
}

Status does_not_open(std::string_view said) {
  const std::string reason = said.empty() ? "" : " (" + std::string(said) + ")";
  return {Code::kWrongKey,
          "it does not open the slot's keyring key" + reason + ": the slot was altered or is another coffer's"};
}

std::string describe_foreign(std::string_view scheme, const RootKeyHandle& handle) {
  const std::optional<Handle> decoded = decode(handle);
  if (decoded.has_value() && decoded->scheme != scheme) return "a key of " + std::string(decoded->scheme) + ":";
  return "a handle that is no " + std::string(scheme) + ": key's";
}

std::string RootAdapter::describe(const RootKeyHandle& handle) const {
  const std::optional<KeyFields> fields = decode_handle(scheme_, handle);
  const std::optional<std::string> text = fields.has_value() ? text_of(*fields) : std::nullopt;
  return text.has_value() ? *text : describe_foreign(scheme_, handle);
}

Result<RootKeyHandle> RootAdapter::handle_of(const KeyFields& fields) const {
  if (!text_of(fields).has_value()) {
    return {Code::kTampered, describe() + ": it is named as no " + std::string(scheme_) + ": key is"};
  }
  auto handle = encode_handle(scheme_, fields);
  return handle.is_ok() ? std::move(handle) : failed(handle.status());
}

Result<KeyFields> RootAdapter::fields_of(const RootKeyHandle& handle) const {
  std::optional<KeyFields> fields = decode_handle(scheme_, handle);
  if (fields.has_value() && text_of(*fields).has_value()) return std::move(*fields);
  return {Code::kWrongKey, describe() + " cannot be the key that the slot wants: " + describe(handle)};
}

Status RootAdapter::failed(const Status& status) const {
  const std::string name = describe();
  return {status.code(), name + ": " + std::string(without_name(status.message(), name))};
}

Status RootAdapter::failed(const Status& status, const KeyFields& wanted) const {
  const std::string name = describe();
  return {status.code() == Code::kNotFound ? Code::kKeyUnavailable : status.code(),
          name + ": the slot wants " + text_of(wanted).value_or("?") + ": " +
              std::string(without_name(status.message(), name))};
}

}  // namespace coffer
