#include "coffer/crypto/ctr.h"

#include "coffer/crypto/counter_mode.h"

namespace coffer {

size_t ctr_key_size(Suite suite) { return suite_info(suite).key_size + kNonceSize; }

Result<CtrStream> CtrStream::create(Suite suite, const CtrKey& key) {
  COFFER_ASSIGN(const CryptoBackend* backend, crypto_backend(suite));
  CtrStream out;
  COFFER_ASSIGN(out.mode_, CounterMode::create(suite, key.reveal(), *backend));
  return out;
}

CtrStream::CtrStream(CtrStream&&) noexcept = default;
CtrStream& CtrStream::operator=(CtrStream&&) noexcept = default;
CtrStream::~CtrStream() = default;

void CtrStream::drop_key() { mode_.reset(); }

Status CtrStream::apply(uint64_t offset, ByteView in, uint8_t* out) const {
  COFFER_TRY(mode_->usable());
  mode_->apply(offset, in, out);
  return Status::ok();
}

}  // namespace coffer
