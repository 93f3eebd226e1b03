// What a session does with the objects of its token.
#include <algorithm>
#include <cstring>

#include "coffer/base/text.h"
#include "coffer/crypto/random.h"
#include "coffer/providers/pkcs11/session.h"

namespace coffer::pkcs11 {
namespace {

constexpr size_t kFoundMax = 64;
constexpr size_t kGeneratedIdSize = 16;
constexpr size_t kAesBlockSize = 16;

constexpr CK_KEY_TYPE kAes = CKK_AES;

}  // namespace

std::string describe(const TokenKey& key) {
  std::string out = "key " + (key.label.empty() ? std::string("without a label") : key.label);
  std::string about;
  if (!key.id.empty()) about += "id " + to_hex(key.id);
  if (!key.check_value.empty()) about += (about.empty() ? "" : ", ") + ("check value " + to_hex(key.check_value));
  return about.empty() ? out : out + " (" + about + ")";
}

std::optional<Bytes> Session::attribute(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, size_t size_max) {
  Bytes out(size_max);
  CK_ATTRIBUTE wanted{type, out.data(), out.size()};
  if (functions().C_GetAttributeValue(session_, object, &wanted, 1) != CKR_OK) return std::nullopt;
  if (wanted.ulValueLen > out.size()) return std::nullopt;
  out.resize(wanted.ulValueLen);
  return out;
}

Result<std::vector<CK_OBJECT_HANDLE>> Session::find_objects(std::span<CK_ATTRIBUTE> like) {
  CK_RV rv = functions().C_FindObjectsInit(session_, like.data(), like.size());
  if (rv != CKR_OK) return failed("looking for the key", rv);
  std::vector<CK_OBJECT_HANDLE> out;
  while (out.size() < kFoundMax) {
    CK_OBJECT_HANDLE objects[16];
    CK_ULONG count = 0;
    rv = functions().C_FindObjects(session_, objects, std::size(objects), &count);
    if (rv != CKR_OK || count == 0) break;
    out.insert(out.end(), objects, objects + std::min<size_t>(count, std::size(objects)));
  }
  functions().C_FindObjectsFinal(session_);
  if (rv != CKR_OK) return failed("looking for the key", rv);
  return out;
}

Result<std::vector<TokenKey>> Session::find_keys(const std::string& label, const Bytes& id) {
  std::vector<CK_ATTRIBUTE> like = {attribute_of(CKA_CLASS, kSecretKey), attribute_of(CKA_KEY_TYPE, kAes)};
  if (!label.empty()) like.push_back(attribute_of(CKA_LABEL, as_bytes(label)));
  if (!id.empty()) like.push_back(attribute_of(CKA_ID, id));
  COFFER_ASSIGN(const std::vector<CK_OBJECT_HANDLE> objects, find_objects(like));
  std::vector<TokenKey> out;
  for (const CK_OBJECT_HANDLE object : objects) {
    TokenKey key;
    key.object = object;
    const Bytes label_found = attribute(object, CKA_LABEL, kLabelSizeMax).value_or(Bytes());
    key.label = as_text(label_found);
    std::ranges::replace_if(key.label, is_control, '?');
    key.id = attribute(object, CKA_ID, kIdSizeMax).value_or(Bytes());
    key.check_value = attribute(object, CKA_CHECK_VALUE, kCheckValueSize).value_or(Bytes());
    if (key.check_value.size() != kCheckValueSize) key.check_value = computed_check_value(object);
    out.push_back(std::move(key));
  }
  return out;
}

// By the definition of CKA_CHECK_VALUE, where the token has the attribute not but lets the key encrypt.
Bytes Session::computed_check_value(CK_OBJECT_HANDLE object) {
  CK_MECHANISM ecb{CKM_AES_ECB, nullptr, 0};
  uint8_t zeros[kAesBlockSize] = {}, out[2 * kAesBlockSize] = {};
  CK_ULONG size = sizeof out;
  if (functions().C_EncryptInit(session_, &ecb, object) != CKR_OK) return {};
  if (functions().C_Encrypt(session_, zeros, sizeof zeros, out, &size) != CKR_OK || size < kCheckValueSize) return {};
  return Bytes(out, out + kCheckValueSize);
}

std::optional<size_t> Session::key_bits(const TokenKey& key) {
  const std::optional<Bytes> size = attribute(key.object, CKA_VALUE_LEN, sizeof(CK_ULONG));
  CK_ULONG bytes = 0;
  if (!size.has_value() || size->size() != sizeof bytes) return std::nullopt;
  std::memcpy(&bytes, size->data(), sizeof bytes);
  return 8 * bytes;
}

Result<CK_OBJECT_HANDLE> Session::generate_key(const std::string& label, const Bytes& id) {
  Bytes new_id = id;
  if (new_id.empty()) {
    new_id.resize(kGeneratedIdSize);
    COFFER_TRY(random_bytes(new_id));
  }
  const CK_ULONG size = 32;
  std::vector<CK_ATTRIBUTE> like = {attribute_of(CKA_CLASS, kSecretKey), attribute_of(CKA_KEY_TYPE, kAes),
                                    attribute_of(CKA_VALUE_LEN, size),   attribute_of(CKA_LABEL, as_bytes(label)),
                                    attribute_of(CKA_ID, new_id),        attribute_of(CKA_EXTRACTABLE, kNo)};
  for (const CK_ATTRIBUTE_TYPE type :
       {CKA_TOKEN, CKA_PRIVATE, CKA_SENSITIVE, CKA_ENCRYPT, CKA_DECRYPT, CKA_WRAP, CKA_UNWRAP}) {
    like.push_back(attribute_of(type, kYes));
  }
  CK_MECHANISM mechanism{CKM_AES_KEY_GEN, nullptr, 0};
  CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
  const CK_RV rv = functions().C_GenerateKey(session_, &mechanism, like.data(), like.size(), &object);
  if (rv != CKR_OK) return failed("making the key " + label, rv);
  return object;
}

Status Session::destroy(CK_OBJECT_HANDLE object, std::string_view what) {
  const CK_RV rv = functions().C_DestroyObject(session_, object);
  return rv == CKR_OK ? Status::ok() : failed("destroying " + std::string(what), rv);
}

}  // namespace coffer::pkcs11
