#include "coffer/providers/kmip/key_handle.h"

#include "coffer/base/codec.h"
#include "coffer/net/kmip/client.h"

namespace coffer::kmip {

std::string KeyName::text() const {
  const std::string name = "KMIP key " + excerpt(id);
  return way == KeyWay::kFetched ? name + ", fingerprint " + to_hex(fingerprint) : name + ", kept in the server";
}

RootKeyHandle encode_handle(const KeyName& name) {
  const ByteView fingerprint = name.way == KeyWay::kFetched ? ByteView(name.fingerprint) : ByteView();
  RootKeyHandle handle;
  handle.bytes.resize(1 + fingerprint.size() + name.id.size());
  Writer writer(handle.bytes);
  writer.u8(static_cast<uint8_t>(name.way));
  writer.bytes(fingerprint);
  writer.bytes(as_bytes(name.id));
  return handle;
}

std::optional<KeyName> decode_handle(const RootKeyHandle& handle) {
  Reader reader(handle.bytes);
  KeyName name;
  const uint8_t way = reader.u8();
  if (way != static_cast<uint8_t>(KeyWay::kFetched) && way != static_cast<uint8_t>(KeyWay::kInService)) {
    return std::nullopt;
  }
  name.way = static_cast<KeyWay>(way);
  if (name.way == KeyWay::kFetched) reader.copy_to(name.fingerprint);
  name.id = as_text(reader.bytes(reader.remaining()));
  if (!reader.finished() || name.id.empty() || name.id.size() > kIdSizeMax || !is_utf8(name.id)) return std::nullopt;
  return name;
}

}  // namespace coffer::kmip
