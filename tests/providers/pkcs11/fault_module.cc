// A PKCS#11 module that passes every call on to SoftHSM, less what a test has asked to go wrong.
#include "providers/pkcs11/fault_module.h"

#include <dlfcn.h>
#include <p11-kit/pkcs11.h>

#include <chrono>
#include <cstring>
#include <thread>

namespace coffer {
namespace {

TokenFaults faults;
CK_FUNCTION_LIST own;
CK_FUNCTION_LIST* softhsm = nullptr;

CK_RV initialize(void* arguments) {
  ++faults.initializations;
  if (faults.cannot_lock && arguments != nullptr) return CKR_CANT_LOCK;
  const CK_RV rv = softhsm->C_Initialize(arguments);
  return rv == CKR_CRYPTOKI_ALREADY_INITIALIZED ? CKR_OK : rv;  // the test's own tokens are in it
}

CK_RV finalize(void*) {
  ++faults.finalizations;
  faults.absent_until_finalized = false;
  return CKR_OK;
}

CK_RV get_slot_list(CK_BBOOL present, CK_SLOT_ID* slots, CK_ULONG* count) {
  if (faults.finalized_once.exchange(false)) return CKR_CRYPTOKI_NOT_INITIALIZED;
  if (!faults.absent && !faults.absent_until_finalized) return softhsm->C_GetSlotList(present, slots, count);
  *count = 0;
  return CKR_OK;
}

CK_RV get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO* info) {
  const CK_RV rv = softhsm->C_GetTokenInfo(slot, info);
  if (faults.pin_final_try) info->flags |= CKF_USER_PIN_FINAL_TRY;
  return rv;
}

CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR* pin, CK_ULONG size) {
  ++faults.logins;
  return faults.pin_locked ? CKR_PIN_LOCKED : softhsm->C_Login(session, user, pin, size);
}

CK_RV get_mechanism_info(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO* info) {
  if (type == CKM_AES_GCM && faults.no_gcm) return CKR_MECHANISM_INVALID;
  const CK_RV rv = softhsm->C_GetMechanismInfo(slot, type, info);
  if (type == CKM_AES_KEY_WRAP && faults.wraps_by_encrypting) info->flags = CKF_ENCRYPT | CKF_DECRYPT;
  return rv;
}

CK_RV get_attribute_value(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE* wanted, CK_ULONG count) {
  if (faults.no_check_values && wanted->type == CKA_CHECK_VALUE) {
    wanted->ulValueLen = CK_UNAVAILABLE_INFORMATION;
    return CKR_ATTRIBUTE_TYPE_INVALID;
  }
  return softhsm->C_GetAttributeValue(session, object, wanted, count);
}

// What every operation with the key meets first.
CK_RV weather() {
  if (const int ms = faults.stall_ms; ms > 0) std::this_thread::sleep_for(std::chrono::milliseconds(ms));
  if (faults.sessions_to_lose > 0) {
    --faults.sessions_to_lose;
    return CKR_SESSION_HANDLE_INVALID;
  }
  return faults.device_error ? CKR_DEVICE_ERROR : CKR_OK;
}

// SoftHSM has key wrap for C_WrapKey only; its C_Encrypt can stand in with another mode of the same key, as far as
// "what was encrypted decrypts" goes.
CK_MECHANISM zero_iv_cbc() {
  static CK_BYTE iv[16] = {};
  return {CKM_AES_CBC_PAD, iv, sizeof iv};
}

CK_RV encrypt_init(CK_SESSION_HANDLE session, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
  if (const CK_RV rv = weather(); rv != CKR_OK) return rv;
  if (mechanism->mechanism == CKM_AES_GCM && faults.own_iv) {
    std::memset(static_cast<CK_GCM_PARAMS*>(mechanism->pParameter)->pIv, 0xa5, 12);
  }
  CK_MECHANISM stand_in = zero_iv_cbc();
  return softhsm->C_EncryptInit(session, mechanism->mechanism == CKM_AES_KEY_WRAP ? &stand_in : mechanism, key);
}

CK_RV decrypt_init(CK_SESSION_HANDLE session, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
  if (const CK_RV rv = weather(); rv != CKR_OK) return rv;
  CK_MECHANISM stand_in = zero_iv_cbc();
  return softhsm->C_DecryptInit(session, mechanism->mechanism == CKM_AES_KEY_WRAP ? &stand_in : mechanism, key);
}

CK_FUNCTION_LIST* make_own() {
  void* library = ::dlopen(COFFER_SOFTHSM2, RTLD_NOW);
  const auto get_list = reinterpret_cast<CK_C_GetFunctionList>(::dlsym(library, "C_GetFunctionList"));
  get_list(&softhsm);
  own = *softhsm;
  own.C_Initialize = initialize;
  own.C_Finalize = finalize;
  own.C_GetSlotList = get_slot_list;
  own.C_GetTokenInfo = get_token_info;
  own.C_Login = login;
  own.C_GetMechanismInfo = get_mechanism_info;
  own.C_GetAttributeValue = get_attribute_value;
  own.C_EncryptInit = encrypt_init;
  own.C_DecryptInit = decrypt_init;
  return &own;
}

}  // namespace

extern "C" TokenFaults* coffer_token_faults() { return &faults; }

}  // namespace coffer

extern "C" CK_RV C_GetFunctionList(CK_FUNCTION_LIST** list) {
  static CK_FUNCTION_LIST* const made = coffer::make_own();
  *list = made;
  return CKR_OK;
}
