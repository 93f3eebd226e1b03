#include "coffer/providers/tpm/session.h"

#include <algorithm>

#include "coffer/crypto/kdf.h"

namespace coffer::tpm {
namespace {

constexpr TPMT_SYM_DEF kSessionCipher = {
    .algorithm = TPM2_ALG_AES, .keyBits = {.aes = 128}, .mode = {.aes = TPM2_ALG_CFB}};

}  // namespace

Result<SecretBytes> auth_value_of(const SecretBytes& password) {
  if (password.empty()) return SecretBytes();
  constexpr std::string_view kInfo("coffer/v1 tpm auth\0", 19);
  SecretBytes out(32);
  COFFER_TRY(hkdf_sha256(password.reveal(), {}, as_bytes(kInfo), out.reveal_mutable()));
  out.reveal_mutable().back() |= 1;
  return out;
}

Status set_auth(const Device& device, ESYS_TR object, const SecretBytes& value) {
  Wiped<TPM2B_AUTH> auth;
  if (value.size() > sizeof auth.buffer) {
    return {Code::kInvalidArgument, "a TPM's password has at most 64 bytes"};
  }
  auth.size = static_cast<UINT16>(value.size());
  std::copy(value.reveal().begin(), value.reveal().end(), auth.buffer);
  const TSS2_RC rc = Esys_TR_SetAuth(device.esys(), object, &auth);
  return rc == TSS2_RC_SUCCESS ? Status::ok() : device.failed("setting a password", rc);
}

Status start_session(const Device& device, ESYS_TR salted, TPM2_SE type, TPMA_SESSION attributes, Transient& out) {
  ESYS_CONTEXT* esys = device.esys();
  TSS2_RC rc = Esys_StartAuthSession(esys, salted, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, nullptr,
                                     type, &kSessionCipher, TPM2_ALG_SHA256, &out.handle);
  if (rc == TSS2_RC_SUCCESS) {
    rc = Esys_TRSess_SetAttributes(esys, out.handle, TPMA_SESSION_CONTINUESESSION | attributes, 0xff);
  }
  return rc == TSS2_RC_SUCCESS ? Status::ok() : device.failed("starting a session", rc);
}

}  // namespace coffer::tpm
