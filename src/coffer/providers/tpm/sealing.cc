#include "coffer/providers/tpm/sealing.h"

#include <tss2/tss2_mu.h>

#include <algorithm>

#include "coffer/crypto/kdf.h"
#include "coffer/crypto/random.h"

namespace coffer::tpm {
namespace {

constexpr size_t kRootKeySize = 32;
constexpr size_t kStirredSize = 128;

// TSS decrypts what is unsealed in buffers on its stack.
__attribute__((noinline)) void scrub_stack() {
  uint8_t below[size_t{32} << 10];
  wipe(below, sizeof below);
}

// The TCG's template of a storage key: the same seed of the TPM makes the same key every time.
TPM2B_PUBLIC primary_template() {
  TPM2B_PUBLIC out{};
  TPMT_PUBLIC& area = out.publicArea;
  area.type = TPM2_ALG_ECC;
  area.nameAlg = TPM2_ALG_SHA256;
  area.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |
                          TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT;
  TPMS_ECC_PARMS& ecc = area.parameters.eccDetail;
  ecc.symmetric.algorithm = TPM2_ALG_AES;
  ecc.symmetric.keyBits.aes = 128;
  ecc.symmetric.mode.aes = TPM2_ALG_CFB;
  ecc.scheme.scheme = TPM2_ALG_NULL;
  ecc.curveID = TPM2_ECC_NIST_P256;
  ecc.kdf.scheme = TPM2_ALG_NULL;
  area.unique.ecc.x.size = area.unique.ecc.y.size = 32;
  return out;
}

// The TPM's storage key, and a session salted with it, which nobody on the way to the TPM reads along.
struct Storage {
  explicit Storage(const Device& device) : primary(device), session(device) {}

  Transient primary, session;
  Bytes name;
};

Status open_storage(const Device& device, const SecretBytes& owner_password, Storage& out) {
  ESYS_CONTEXT* esys = device.esys();
  Transient session(device);
  COFFER_TRY(session.start_session(ESYS_TR_NONE, TPM2_SE_HMAC, 0));
  COFFER_TRY(device.set_auth(ESYS_TR_RH_OWNER, owner_password));
  const TPM2B_SENSITIVE_CREATE no_secret{};
  const TPM2B_PUBLIC like = primary_template();
  const TPM2B_DATA outside{};
  const TPML_PCR_SELECTION no_pcrs{};
  COFFER_TRY(device.check(
      Esys_CreatePrimary(esys, ESYS_TR_RH_OWNER, session.handle, ESYS_TR_NONE, ESYS_TR_NONE, &no_secret, &like,
                         &outside, &no_pcrs, &out.primary.handle, nullptr, nullptr, nullptr, nullptr),
      "making its storage key (the owner's password: options owner_auth_file, owner_auth_env)"));
  TPM2B_NAME* raw = nullptr;
  COFFER_TRY(device.check(Esys_TR_GetName(esys, out.primary.handle, &raw), "asking for a key's name"));
  const EsysMemory<TPM2B_NAME> name(raw);
  out.name.assign(name->name, name->name + std::min<size_t>(name->size, sizeof name->name));
  return out.session.start_session(out.primary.handle, TPM2_SE_HMAC, TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT);
}

TPML_PCR_SELECTION selection_of(const PcrSelection& pcrs) {
  TPML_PCR_SELECTION out{};
  out.count = 1;
  out.pcrSelections[0].hash = pcrs.bank;
  out.pcrSelections[0].sizeofSelect = 3;
  for (size_t i = 0; i < 3; ++i) out.pcrSelections[0].pcrSelect[i] = static_cast<BYTE>(pcrs.mask >> 8 * i);
  return out;
}

Result<std::vector<Bytes>> read_pcrs(const Device& device, const PcrSelection& pcrs) {
  std::vector<Bytes> out;
  for (uint32_t index = 0; index < kPcrCount; ++index) {
    if (!pcrs.has(index)) continue;
    const TPML_PCR_SELECTION one = selection_of({pcrs.bank, 1u << index});
    TPML_DIGEST* raw = nullptr;
    COFFER_TRY(device.check(
        Esys_PCR_Read(device.esys(), ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &one, nullptr, nullptr, &raw),
        "reading PCRs"));
    const EsysMemory<TPML_DIGEST> values(raw);
    if (values->count != 1 || values->digests[0].size != digest_size_of(pcrs.bank)) {
      return {Code::kInvalidArgument,
              "this TPM does not keep " + format_pcrs({pcrs.bank, 1u << index}) + "; take another bank of PCRs"};
    }
    out.emplace_back(values->digests[0].buffer, values->digests[0].buffer + values->digests[0].size);
  }
  return out;
}

// Extends the policy of `session` by the PCRs (with `values` where they are given: for making the policy) and password.
Status apply_policy(const Device& device, ESYS_TR session, const PcrSelection& pcrs, const std::vector<Bytes>& values,
                    bool has_auth) {
  TPM2B_DIGEST digest{};
  if (!values.empty()) {
    Bytes all;
    for (const Bytes& value : values) all.insert(all.end(), value.begin(), value.end());
    COFFER_ASSIGN(const Sha256 hash, sha256(all));
    fill(digest, hash);
  }
  const TPML_PCR_SELECTION selection = selection_of(pcrs);
  TSS2_RC rc = Esys_PolicyPCR(device.esys(), session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &digest, &selection);
  if (rc == TSS2_RC_SUCCESS && has_auth) {
    rc = Esys_PolicyAuthValue(device.esys(), session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE);
  }
  return device.check(rc, "its policy of PCRs");
}

// What unseals: the PCRs' policy where there are any, else the password (which may be empty).
Result<TPM2B_PUBLIC> sealed_template(const Device& device, const SealedFile& file) {
  TPM2B_PUBLIC out{};
  TPMT_PUBLIC& area = out.publicArea;
  area.type = TPM2_ALG_KEYEDHASH;
  area.nameAlg = TPM2_ALG_SHA256;
  // A wrong password does not count towards the TPM's lockout, which would shut out every other user of the TPM.
  area.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_NODA;
  area.parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL;
  if (file.pcrs.empty()) {
    area.objectAttributes |= TPMA_OBJECT_USERWITHAUTH;
    return out;
  }
  Transient trial(device);
  COFFER_TRY(trial.start_session(ESYS_TR_NONE, TPM2_SE_TRIAL, 0));
  COFFER_TRY(apply_policy(device, trial.handle, file.pcrs, file.pcr_values, file.has_auth));
  TPM2B_DIGEST* raw = nullptr;
  COFFER_TRY(
      device.check(Esys_PolicyGetDigest(device.esys(), trial.handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &raw),
                   "its policy of PCRs"));
  area.authPolicy = *EsysMemory<TPM2B_DIGEST>(raw);
  return out;
}

// Writes over what TSS keeps in its buffers of the command before.
Status stir(const Device& device, const Transient& session) {
  TPM2B_SENSITIVE_DATA data{};
  data.size = kStirredSize;
  COFFER_TRY(random_bytes(MutableBytes(data.buffer, kStirredSize)));
  TSS2_RC rc = session.set_attributes(TPMA_SESSION_DECRYPT);
  if (rc == TSS2_RC_SUCCESS) rc = Esys_StirRandom(device.esys(), session.handle, ESYS_TR_NONE, ESYS_TR_NONE, &data);
  scrub_stack();
  return device.check(rc, "stirring");
}

Status create_sealed(const Device& device, const Storage& storage, const RootKey& root, const SecretBytes& password,
                     SealedFile& out) {
  COFFER_ASSIGN(const TPM2B_PUBLIC like, sealed_template(device, out));
  COFFER_ASSIGN(const SecretBytes auth, auth_value_of(password));
  Wiped<TPM2B_SENSITIVE_CREATE> secret;
  fill(secret.sensitive.userAuth, auth.reveal());
  fill(secret.sensitive.data, root.reveal());
  const TPM2B_DATA outside{};
  const TPML_PCR_SELECTION no_pcrs{};
  TPM2B_PRIVATE* raw_private = nullptr;
  TPM2B_PUBLIC* raw_public = nullptr;
  COFFER_TRY(device.check(
      Esys_Create(device.esys(), storage.primary.handle, storage.session.handle, ESYS_TR_NONE, ESYS_TR_NONE, &secret,
                  &like, &outside, &no_pcrs, &raw_private, &raw_public, nullptr, nullptr, nullptr),
      "sealing"));
  const EsysMemory<TPM2B_PRIVATE> private_area(raw_private);
  const EsysMemory<TPM2B_PUBLIC> public_area(raw_public);
  size_t public_size = 0, private_size = 0;
  out.public_area.resize(kAreaSizeMax);
  out.private_area.resize(kAreaSizeMax);
  TSS2_RC rc = Tss2_MU_TPM2B_PUBLIC_Marshal(raw_public, out.public_area.data(), kAreaSizeMax, &public_size);
  if (rc == TSS2_RC_SUCCESS) {
    rc = Tss2_MU_TPM2B_PRIVATE_Marshal(raw_private, out.private_area.data(), kAreaSizeMax, &private_size);
  }
  out.public_area.resize(public_size);
  out.private_area.resize(private_size);
  return device.check(rc, "encoding what it sealed");
}

Status load(const Device& device, const Storage& storage, const SealedFile& file, Transient& out) {
  TPM2B_PUBLIC public_area{};
  TPM2B_PRIVATE private_area{};
  size_t public_end = 0, private_end = 0;
  if (Tss2_MU_TPM2B_PUBLIC_Unmarshal(file.public_area.data(), file.public_area.size(), &public_end, &public_area) !=
          TSS2_RC_SUCCESS ||
      Tss2_MU_TPM2B_PRIVATE_Unmarshal(file.private_area.data(), file.private_area.size(), &private_end,
                                      &private_area) != TSS2_RC_SUCCESS ||
      public_end != file.public_area.size() || private_end != file.private_area.size()) {
    return {Code::kTampered, "what it holds is no sealed object of a TPM"};
  }
  return device.check(Esys_Load(device.esys(), storage.primary.handle, storage.session.handle, ESYS_TR_NONE,
                                ESYS_TR_NONE, &private_area, &public_area, &out.handle),
                      "loading the sealed key");
}

std::string changed_pcrs(const Device& device, const SealedFile& file) {
  auto now = read_pcrs(device, file.pcrs);
  if (!now.is_ok() || now->size() != file.pcr_values.size()) return "";
  PcrSelection changed{file.pcrs.bank, 0};
  size_t at = 0;
  for (uint32_t index = 0; index < kPcrCount; ++index) {
    if (file.pcrs.has(index) && (*now)[at] != file.pcr_values[at]) changed.mask |= 1u << index;
    at += file.pcrs.has(index) ? 1 : 0;
  }
  return changed.empty() ? "" : format_pcrs(changed);
}

Status unseal_failed(const Device& device, const SealedFile& file, TSS2_RC rc) {
  const TSS2_RC code = bare_code(rc);
  if (code == TPM2_RC_AUTH_FAIL || code == TPM2_RC_BAD_AUTH) {
    return {Code::kPermissionDenied, "the TPM refuses the key's password; correct what auth_file or auth_env names"};
  }
  if (code != TPM2_RC_POLICY_FAIL && code != TPM2_RC_PCR_CHANGED) return device.check(rc, "unsealing");
  const std::string changed = changed_pcrs(device, file);
  return {Code::kKeyUnavailable,
          "the TPM does not unseal it: " +
              (changed.empty() ? "PCRs of " + format_pcrs(file.pcrs) + " are not as they were when it was sealed"
                               : "PCRs have changed since it was sealed: " + changed) +
              "; start the machine as it was (firmware, boot loader, kernel), or use another slot's root key"};
}

Result<RootKey> unseal_loaded(const Device& device, ESYS_TR object, ESYS_TR session, const SealedFile& file) {
  TPM2B_SENSITIVE_DATA* raw = nullptr;
  const TSS2_RC rc = Esys_Unseal(device.esys(), object, session, ESYS_TR_NONE, ESYS_TR_NONE, &raw);
  scrub_stack();
  if (rc != TSS2_RC_SUCCESS) return unseal_failed(device, file, rc);
  const EsysMemory<TPM2B_SENSITIVE_DATA> data(raw);
  const bool fits = data->size == kRootKeySize;
  RootKey root = RootKey::copy_of(ByteView(data->buffer, kRootKeySize));
  wipe(data.get(), sizeof *data);
  if (fits) return root;
  return {Code::kWrongKey, "the TPM unsealed something that is no root key, by its size"};
}

}  // namespace

Result<SealedFile> seal(Device& device, const RootKey& root, const PcrSelection& pcrs, const Passwords& passwords) {
  SealedFile out;
  out.has_auth = !passwords.key.empty();
  out.pcrs = pcrs;
  COFFER_ASSIGN(out.fingerprint, fingerprint_of(root));
  COFFER_ASSIGN(out.pcr_values, read_pcrs(device, pcrs));
  Storage storage(device);
  COFFER_TRY(open_storage(device, passwords.owner, storage));
  out.primary_name = storage.name;
  COFFER_TRY(create_sealed(device, storage, root, passwords.key, out));
  // TSS keeps a copy of what it was given to seal until it is given an object to load.
  Transient object(device);
  COFFER_TRY(load(device, storage, out, object));
  COFFER_TRY(stir(device, storage.session));
  return out;
}

Result<RootKey> unseal(Device& device, const SealedFile& file, const Passwords& passwords) {
  if (file.has_auth && passwords.key.empty()) {
    return {Code::kPermissionDenied, "it has a password of its own; add auth_file=/PATH or auth_env=NAME"};
  }
  Storage storage(device);
  Transient policy(device), object(device);
  COFFER_TRY(open_storage(device, passwords.owner, storage));
  if (storage.name != file.primary_name) {
    return {Code::kKeyUnavailable, "another TPM sealed it, or this one was cleared since (its storage key was " +
                                       to_hex(file.primary_name) + ", here it is " + to_hex(storage.name) +
                                       "); take the file to that machine, or use another slot's root key"};
  }
  COFFER_TRY(load(device, storage, file, object));
  if (file.has_auth) {
    COFFER_ASSIGN(const SecretBytes auth, auth_value_of(passwords.key));
    COFFER_TRY(device.set_auth(object.handle, auth));
  }
  if (!file.pcrs.empty()) {
    COFFER_TRY(policy.start_session(storage.primary.handle, TPM2_SE_POLICY, TPMA_SESSION_ENCRYPT));
    COFFER_TRY(apply_policy(device, policy.handle, file.pcrs, {}, file.has_auth));
  } else {
    COFFER_TRY(device.check(storage.session.set_attributes(TPMA_SESSION_ENCRYPT), "preparing to unseal"));
  }
  auto root = unseal_loaded(device, object.handle, (file.pcrs.empty() ? storage.session : policy).handle, file);
  COFFER_TRY(stir(device, storage.session));
  if (!root.is_ok()) return root;
  COFFER_ASSIGN(const RootFingerprint fingerprint, fingerprint_of(*root));
  if (fingerprint == file.fingerprint) return root;
  return {Code::kWrongKey, "the TPM unsealed another key than the file says; restore the file from a backup"};
}

}  // namespace coffer::tpm
