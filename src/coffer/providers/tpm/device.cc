#include "coffer/providers/tpm/device.h"

#include <tss2/tss2_rc.h>
#include <tss2/tss2_tctildr.h>

namespace coffer::tpm {
namespace {

constexpr TSS2_RC kFormatOne = 0x080;
constexpr TSS2_RC kFormatOneCode = 0x0bf;

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

void TctiCloser::operator()(TSS2_TCTI_CONTEXT* tcti) const { Tss2_TctiLdr_Finalize(&tcti); }

Result<std::unique_ptr<Device>> Device::open(const std::string& tcti) {
  std::unique_ptr<Device> device(new Device(tcti));
  TSS2_TCTI_CONTEXT* connection = nullptr;
  TSS2_RC rc = Tss2_TctiLdr_Initialize(tcti.c_str(), &connection);
  device->tcti_.reset(connection);
  if (rc != TSS2_RC_SUCCESS) {
    return {Code::kProviderUnavailable, "no TPM 2.0 at " + tcti + ": " + Tss2_RC_Decode(rc) +
                                            "; look at /dev/tpmrm0 (is the TPM on in the firmware, may this user, "
                                            "group tss, open it?), or set tcti="};
  }
  ESYS_CONTEXT* esys = nullptr;
  rc = Esys_Initialize(&esys, connection, nullptr);
  device->esys_.reset(esys);
  if (rc != TSS2_RC_SUCCESS) return device->failed("starting", rc);
  return device;
}

Status Device::failed(std::string_view what, TSS2_RC rc) const {
  std::string text = "TPM " + name_ + ": " + std::string(what) + ": " + Tss2_RC_Decode(rc);
  const TSS2_RC code = is_from_tpm(rc) ? bare_code(rc) : 0;
  if (code == TPM2_RC_LOCKOUT) text += "; wait, or reset the lockout (tpm2_dictionarylockout)";
  if (code == TPM2_RC_OBJECT_MEMORY || code == TPM2_RC_SESSION_MEMORY) {
    text += "; another program left objects in it: use a resource manager (tcti=device:/dev/tpmrm0)";
  }
  return {code_of(rc), std::move(text)};
}

}  // namespace coffer::tpm
