#include "coffer/providers/tpm/nv_index.h"

#include <cstdio>

namespace coffer::tpm {
namespace {

constexpr TPMA_NV kCommon = TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE | TPMA_NV_NO_DA;

TPMA_NV attributes_of(NvKind kind) {
  if (kind == NvKind::kCounter) return kCommon | TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT;
  return kCommon | TPMA_NV_WRITEALL | (kind == NvKind::kOnce ? TPMA_NV_WRITEDEFINE : 0);
}

}  // namespace

template <class Command>
Status NvIndex::in_session(std::string_view what, Command command) {
  Transient session(device_);
  COFFER_TRY(session.start_session(ESYS_TR_NONE, TPM2_SE_HMAC, 0));
  char number[16];
  std::snprintf(number, sizeof number, "0x%08x", index_);
  return device_.check(command(session.handle), std::string(what) + " NV index " + number);
}

Result<NvIndex> NvIndex::open(const Device& device, uint32_t index, const SecretBytes& password) {
  COFFER_ASSIGN(SecretBytes auth, auth_value_of(password));
  NvIndex out(device, index, std::move(auth));
  COFFER_TRY(out.find());
  return out;
}

Status NvIndex::find() {
  const TSS2_RC rc = Esys_TR_FromTPMPublic(device_.esys(), index_, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &handle_);
  if (rc == TSS2_RC_SUCCESS) return device_.set_auth(handle_, auth_);
  handle_ = ESYS_TR_NONE;
  return bare_code(rc) == TPM2_RC_HANDLE ? Status::ok() : device_.check(rc, "looking for an NV index");
}

ESYS_TR NvIndex::handle() const {
  COFFER_REQUIRE(exists(), "an NV index is used once it is there");
  return handle_;
}

Status NvIndex::define(NvKind kind, uint16_t size, const SecretBytes& owner_password) {
  COFFER_REQUIRE(!exists(), "an NV index is made where there is none");
  COFFER_TRY(device_.set_auth(ESYS_TR_RH_OWNER, owner_password));
  TPM2B_NV_PUBLIC like{};
  like.nvPublic.nvIndex = index_;
  like.nvPublic.nameAlg = TPM2_ALG_SHA256;
  like.nvPublic.attributes = attributes_of(kind);
  like.nvPublic.dataSize = size;
  Wiped<TPM2B_AUTH> auth;
  fill(auth, auth_.reveal());
  COFFER_TRY(in_session("making (owner_auth_file, owner_auth_env)", [&](ESYS_TR session) {
    return Esys_NV_DefineSpace(device_.esys(), ESYS_TR_RH_OWNER, session, ESYS_TR_NONE, ESYS_TR_NONE, &auth, &like,
                               &handle_);
  }));
  return device_.set_auth(handle_, auth_);
}

Status NvIndex::remove(const SecretBytes& owner_password) {
  COFFER_TRY(device_.set_auth(ESYS_TR_RH_OWNER, owner_password));
  COFFER_TRY(in_session("removing (owner_auth_file, owner_auth_env)", [&](ESYS_TR session) {
    return Esys_NV_UndefineSpace(device_.esys(), ESYS_TR_RH_OWNER, handle(), session, ESYS_TR_NONE, ESYS_TR_NONE);
  }));
  handle_ = ESYS_TR_NONE;
  return Status::ok();
}

Status NvIndex::increment() {
  return in_session("incrementing", [&](ESYS_TR session) {
    return Esys_NV_Increment(device_.esys(), handle(), handle(), session, ESYS_TR_NONE, ESYS_TR_NONE);
  });
}

Result<uint64_t> NvIndex::count() {
  COFFER_ASSIGN(const Bytes bytes, read(kNvCounterSize));
  uint64_t out = 0;
  for (const uint8_t byte : bytes) out = out << 8 | byte;  // the TPM's own order
  return out;
}

Status NvIndex::write(ByteView bytes) {
  TPM2B_MAX_NV_BUFFER data{};
  fill(data, bytes);
  return in_session("writing", [&](ESYS_TR session) {
    return Esys_NV_Write(device_.esys(), handle(), handle(), session, ESYS_TR_NONE, ESYS_TR_NONE, &data, 0);
  });
}

Status NvIndex::lock() {
  return in_session("locking", [&](ESYS_TR session) {
    return Esys_NV_WriteLock(device_.esys(), handle(), handle(), session, ESYS_TR_NONE, ESYS_TR_NONE);
  });
}

Result<Bytes> NvIndex::read(uint16_t size) {
  TPM2B_MAX_NV_BUFFER* raw = nullptr;
  const Status status = in_session("reading", [&](ESYS_TR session) {
    return Esys_NV_Read(device_.esys(), handle(), handle(), session, ESYS_TR_NONE, ESYS_TR_NONE, size, 0, &raw);
  });
  const EsysMemory<TPM2B_MAX_NV_BUFFER> data(raw);
  COFFER_TRY(status);
  if (data->size != size) return {Code::kTampered, "an NV index of the version anchor has another size"};
  return Bytes(data->buffer, data->buffer + data->size);
}

}  // namespace coffer::tpm
