#include "coffer/providers/tpm/device.h"

#include <tss2/tss2_rc.h>
#include <tss2/tss2_tctildr.h>

#include "coffer/crypto/kdf.h"

namespace coffer::tpm {
namespace {

constexpr TSS2_RC kFormatOne = 0x080;
constexpr TSS2_RC kFormatOneCode = 0x0bf;
constexpr TPMT_SYM_DEF kSessionCipher = {
    .algorithm = TPM2_ALG_AES, .keyBits = {.aes = 128}, .mode = {.aes = TPM2_ALG_CFB}};

bool is_from_tpm(TSS2_RC rc) { return (rc & TSS2_RC_LAYER_MASK) == TSS2_TPM_RC_LAYER; }

Code code_of(TSS2_RC rc) {
  if (!is_from_tpm(rc)) return Code::kProviderUnavailable;
  switch (bare_code(rc)) {
    case TPM2_RC_AUTH_FAIL:
    case TPM2_RC_BAD_AUTH:
    case TPM2_RC_LOCKOUT: return Code::kPermissionDenied;
    case TPM2_RC_POLICY_FAIL:
    case TPM2_RC_PCR_CHANGED: return Code::kKeyUnavailable;
    case TPM2_RC_INTEGRITY: return Code::kTampered;
    default: return Code::kProviderUnavailable;
  }
}

}  // namespace

TSS2_RC bare_code(TSS2_RC rc) { return (rc & kFormatOne) != 0 ? rc & kFormatOneCode : rc; }

Result<std::unique_ptr<Device>> Device::open(const std::string& tcti) {
  std::unique_ptr<Device> device(new Device(tcti));
  const TSS2_RC rc = Tss2_TctiLdr_Initialize(tcti.c_str(), &device->tcti_);
  if (rc != TSS2_RC_SUCCESS) {
    return {Code::kProviderUnavailable, "no TPM 2.0 at " + tcti + ": " + Tss2_RC_Decode(rc) +
                                            "; look at /dev/tpmrm0 (is the TPM on in the firmware, may this user, "
                                            "group tss, open it?), or set tcti="};
  }
  COFFER_TRY(device->check(Esys_Initialize(&device->esys_, device->tcti_, nullptr), "starting"));
  return device;
}

Device::~Device() {
  Esys_Finalize(&esys_);
  Tss2_TctiLdr_Finalize(&tcti_);
}

Status Device::check(TSS2_RC rc, std::string_view what) const {
  if (rc == TSS2_RC_SUCCESS) return Status::ok();
  std::string text = "TPM " + name_ + ": " + std::string(what) + ": " + Tss2_RC_Decode(rc);
  const TSS2_RC code = is_from_tpm(rc) ? bare_code(rc) : 0;
  if (code == TPM2_RC_LOCKOUT) text += "; wait, or reset the lockout (tpm2_dictionarylockout)";
  if (code == TPM2_RC_OBJECT_MEMORY || code == TPM2_RC_SESSION_MEMORY) {
    text += "; another program left objects in it: use a resource manager (tcti=device:/dev/tpmrm0)";
  }
  return {code_of(rc), std::move(text)};
}

Status Device::set_auth(ESYS_TR object, const SecretBytes& value) const {
  Wiped<TPM2B_AUTH> auth;
  if (value.size() > sizeof auth.buffer) {
    return {Code::kInvalidArgument, "a TPM's password has at most 64 bytes"};
  }
  fill(auth, value.reveal());
  return check(Esys_TR_SetAuth(esys_, object, &auth), "setting a password");
}

Status Transient::start_session(ESYS_TR salted, TPM2_SE type, TPMA_SESSION attributes) {
  TSS2_RC rc = Esys_StartAuthSession(device_.esys(), salted, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                     nullptr, type, &kSessionCipher, TPM2_ALG_SHA256, &handle);
  if (rc == TSS2_RC_SUCCESS) rc = set_attributes(attributes);
  return device_.check(rc, "starting a session");
}

TSS2_RC Transient::set_attributes(TPMA_SESSION attributes) const {
  return Esys_TRSess_SetAttributes(device_.esys(), handle, TPMA_SESSION_CONTINUESESSION | attributes, 0xff);
}

Result<SecretBytes> auth_value_of(const SecretBytes& password) {
  if (password.empty()) return SecretBytes();
  SecretBytes out(32);
  COFFER_TRY(hkdf_sha256(password.reveal(), {}, labelled("coffer/v1 tpm auth", {}), out.reveal_mutable()));
  out.reveal_mutable().back() |= 1;
  return out;
}

}  // namespace coffer::tpm
