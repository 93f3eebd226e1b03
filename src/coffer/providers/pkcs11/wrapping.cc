#include "coffer/providers/pkcs11/wrapping.h"

#include <algorithm>

#include "coffer/crypto/kdf.h"
#include "coffer/crypto/random.h"
#include "coffer/providers/service_root.h"

namespace coffer::pkcs11 {
namespace {

constexpr size_t kIvSize = 12;
constexpr size_t kTagSize = 16;
constexpr size_t kWrappedSizeMax = 128;
constexpr CK_KEY_TYPE kGenericSecret = CKK_GENERIC_SECRET;

struct MechanismKind {
  Mechanism mechanism;
  CK_MECHANISM_TYPE type;
  std::string_view name, option;
};
// Best first: GCM binds the context at the token as well.
constexpr MechanismKind kMechanisms[] = {
    {Mechanism::kAesGcm, CKM_AES_GCM, "AES-GCM", "aes-gcm"},
    {Mechanism::kAesKeyWrapPad, CKM_AES_KEY_WRAP_PAD, "AES key wrap with padding", "aes-key-wrap-pad"},
    {Mechanism::kAesKeyWrap, CKM_AES_KEY_WRAP, "AES key wrap", "aes-key-wrap"},
};

const MechanismKind& kind_of(Mechanism mechanism) {
  return *std::find_if(std::begin(kMechanisms), std::end(kMechanisms),
                       [&](const MechanismKind& kind) { return kind.mechanism == mechanism; });
}

constexpr CK_RV kAeadDecryptFailed = 0x35;  // of PKCS#11 3.0
// What says that the data is at fault, if the token otherwise works. Tokens differ; some have one code for everything.
constexpr CK_RV kMayBeTheData[] = {
    CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE, CKR_WRAPPED_KEY_INVALID,     CKR_WRAPPED_KEY_LEN_RANGE,
    CKR_DATA_INVALID,           CKR_DATA_LEN_RANGE,           CKR_SIGNATURE_INVALID,       CKR_SIGNATURE_LEN_RANGE,
    CKR_ARGUMENTS_BAD,          CKR_BUFFER_TOO_SMALL,         CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT,
    CKR_GENERAL_ERROR,          CKR_FUNCTION_FAILED,          kAeadDecryptFailed,
};

CK_BYTE* unchanging(ByteView bytes) { return const_cast<CK_BYTE*>(bytes.data()); }

// The session and the key still answer: then it is not the token that is broken.
bool answers(Session& session, const TokenKey& key) {
  CK_SESSION_INFO info{};
  return session.functions().C_GetSessionInfo(session.handle(), &info) == CKR_OK &&
         session.attribute(key.object, CKA_CLASS, sizeof(CK_OBJECT_CLASS)).has_value();
}

Status open_failed(Session& session, const TokenKey& key, Mechanism mechanism, CK_RV rv) {
  const bool may_be_the_data = std::ranges::find(kMayBeTheData, rv) != std::end(kMayBeTheData);
  if (may_be_the_data && answers(session, key)) return does_not_open(rv_name(rv));
  return session.failed("unwrapping with " + std::string(name_of(mechanism)), rv);
}

// A session object that goes away with its scope.
class SessionObject {
 public:
  explicit SessionObject(Session& session) : session_(session) {}
  ~SessionObject() {
    if (object != CK_INVALID_HANDLE) session_.functions().C_DestroyObject(session_.handle(), object);
  }
  SessionObject(const SessionObject&) = delete;
  SessionObject& operator=(const SessionObject&) = delete;

  CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;

 private:
  Session& session_;
};

// A mechanism with its parameters, which the token may write to.
struct Call {
  uint8_t iv[16] = {};  // longer than it is used: some tokens write their own
  CK_GCM_PARAMS gcm{};
  CK_MECHANISM mechanism{};

  Call(const MechanismKind& kind, ByteView bound) {
    mechanism.mechanism = kind.type;
    if (kind.mechanism != Mechanism::kAesGcm) return;
    gcm.pIv = iv;
    gcm.ulIvLen = kIvSize;
    gcm.ulIvBits = kIvSize * 8;
    gcm.pAAD = unchanging(bound);
    gcm.ulAADLen = bound.size();
    gcm.ulTagBits = kTagSize * 8;
    mechanism.pParameter = &gcm;
    mechanism.ulParameterLen = sizeof gcm;
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
};

Result<SecretBytes> unwrap_object(Session& session, const TokenKey& key, const MechanismKind& kind, ByteView wrapped) {
  const CK_FUNCTION_LIST& f = session.functions();
  Call call(kind, {});
  CK_ATTRIBUTE like[] = {attribute_of(CKA_CLASS, kSecretKey), attribute_of(CKA_KEY_TYPE, kGenericSecret),
                         attribute_of(CKA_TOKEN, kNo), attribute_of(CKA_SENSITIVE, kNo),
                         attribute_of(CKA_EXTRACTABLE, kYes)};
  SessionObject inner(session);
  CK_RV rv = f.C_UnwrapKey(session.handle(), &call.mechanism, key.object, unchanging(wrapped), wrapped.size(), like,
                           std::size(like), &inner.object);
  if (rv != CKR_OK) return open_failed(session, key, kind.mechanism, rv);
  SecretBytes out(kWrappedSizeMax);
  CK_ATTRIBUTE value{CKA_VALUE, out.reveal_mutable().data(), out.size()};
  rv = f.C_GetAttributeValue(session.handle(), inner.object, &value, 1);
  if (rv != CKR_OK || value.ulValueLen > out.size()) return session.failed("reading what was unwrapped", rv);
  return SecretBytes::copy_of(out.reveal().first(value.ulValueLen));
}

Status try_out(Session& session, const TokenKey& key, Mechanism mechanism) {
  COFFER_ASSIGN(const SecretBytes sample, random_secret(kServicePlaintextSize));
  const ByteView bound = as_bytes("probe");
  COFFER_ASSIGN(const Bytes wrapped, wrap_at_token(session, key, mechanism, bound, sample));
  COFFER_ASSIGN(const SecretBytes back, unwrap_at_token(session, key, mechanism, bound, wrapped));
  if (equal_constant_time(sample.reveal(), back.reveal())) return Status::ok();
  return {Code::kKeyUnavailable, std::string(name_of(mechanism)) + " does not give back what it wrapped"};
}

}  // namespace

std::string_view name_of(Mechanism mechanism) { return kind_of(mechanism).name; }

std::string_view option_of(Mechanism mechanism) { return kind_of(mechanism).option; }

std::optional<Mechanism> mechanism_of(std::string_view option) {
  for (const MechanismKind& kind : kMechanisms) {
    if (kind.option == option) return kind.mechanism;
  }
  return std::nullopt;
}

Result<Mechanism> probe(Session& session, const TokenKey& key, std::optional<Mechanism> choice) {
  std::string tried;
  for (const MechanismKind& kind : kMechanisms) {
    if (choice.value_or(kind.mechanism) != kind.mechanism) continue;
    const std::string separator = tried.empty() ? "" : "; ";
    if (session.mechanism_flags(kind.type) == 0) {
      tried += separator + std::string(kind.name) + ": the token does not have it";
      continue;
    }
    const Status status = try_out(session, key, kind.mechanism);
    if (status.is_ok()) return kind.mechanism;
    if (session.lost() || status.code() == Code::kProviderUnavailable) return status;
    tried += separator + std::string(status.message());
  }
  return {Code::kKeyUnavailable, describe(key) + " cannot wrap a keyring key: " + tried};
}

// Key wrap with C_WrapKey where the token has it so, for which the plaintext has to be an object first; else all with
// C_Encrypt.
Result<Bytes> wrap_at_token(Session& session, const TokenKey& key, Mechanism mechanism, ByteView bound,
                            const SecretBytes& plaintext) {
  const CK_FUNCTION_LIST& f = session.functions();
  const MechanismKind& kind = kind_of(mechanism);
  const bool gcm = mechanism == Mechanism::kAesGcm;
  Call call(kind, bound);
  if (gcm) COFFER_TRY(random_bytes(MutableBytes(call.iv, kIvSize)));
  uint8_t out[kWrappedSizeMax];
  CK_ULONG size = sizeof out;
  CK_RV rv = CKR_OK;
  if (!gcm && (session.mechanism_flags(kind.type) & CKF_WRAP) != 0) {
    CK_ATTRIBUTE like[] = {attribute_of(CKA_CLASS, kSecretKey), attribute_of(CKA_KEY_TYPE, kGenericSecret),
                           attribute_of(CKA_TOKEN, kNo), attribute_of(CKA_EXTRACTABLE, kYes),
                           attribute_of(CKA_VALUE, plaintext.reveal())};
    SessionObject inner(session);
    rv = f.C_CreateObject(session.handle(), like, std::size(like), &inner.object);
    if (rv != CKR_OK) return session.failed("taking in what is to be wrapped", rv);
    rv = f.C_WrapKey(session.handle(), &call.mechanism, key.object, inner.object, out, &size);
  } else {
    rv = f.C_EncryptInit(session.handle(), &call.mechanism, key.object);
    if (rv == CKR_OK) {
      rv = f.C_Encrypt(session.handle(), unchanging(plaintext.reveal()), plaintext.size(), out, &size);
    }
  }
  const std::string what = "wrapping with " + std::string(kind.name) + " and " + describe(key);
  if (rv != CKR_OK) return session.failed(what, rv);
  if (size > sizeof out) return {Code::kKeyUnavailable, what + ": more came out than fits"};
  if (gcm && size != plaintext.size() + kTagSize) {
    return {Code::kKeyUnavailable, "AES-GCM of the token makes " + std::to_string(size) + " bytes of 64, not 80"};
  }
  Bytes wrapped(call.iv, call.iv + (gcm ? kIvSize : 0));
  wrapped.insert(wrapped.end(), out, out + size);
  return wrapped;
}

Result<SecretBytes> unwrap_at_token(Session& session, const TokenKey& key, Mechanism mechanism, ByteView bound,
                                    ByteView wrapped) {
  const MechanismKind& kind = kind_of(mechanism);
  Call call(kind, bound);
  if (mechanism == Mechanism::kAesGcm) {
    if (wrapped.size() != kIvSize + kServicePlaintextSize + kTagSize) {
      return {Code::kTampered, "what the slot holds is no keyring key wrapped with AES-GCM, by its size"};
    }
    std::copy_n(wrapped.begin(), kIvSize, call.iv);
    wrapped = wrapped.subspan(kIvSize);
  } else if (wrapped.empty() || wrapped.size() > kWrappedSizeMax) {
    return {Code::kTampered, "what the slot holds is no wrapped keyring key, by its size"};
  } else if ((session.mechanism_flags(kind.type) & CKF_UNWRAP) != 0) {
    return unwrap_object(session, key, kind, wrapped);
  }
  const CK_FUNCTION_LIST& f = session.functions();
  CK_RV rv = f.C_DecryptInit(session.handle(), &call.mechanism, key.object);
  if (rv != CKR_OK) return session.failed("unwrapping with " + std::string(kind.name) + " and " + describe(key), rv);
  SecretBytes out(kWrappedSizeMax);
  CK_ULONG size = out.size();
  rv = f.C_Decrypt(session.handle(), unchanging(wrapped), wrapped.size(), out.reveal_mutable().data(), &size);
  if (rv != CKR_OK || size > out.size()) return open_failed(session, key, mechanism, rv);
  return SecretBytes::copy_of(out.reveal().first(size));
}

}  // namespace coffer::pkcs11
