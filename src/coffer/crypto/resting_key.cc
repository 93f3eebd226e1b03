#include "coffer/crypto/resting_key.h"

#include "coffer/base/per_process.h"
#include "coffer/crypto/aead.h"
#include "coffer/crypto/random.h"

namespace coffer {
namespace {

constexpr Suite kRestingSuite = Suite::kAes256Gcm;

// Its expanded form is kept only where that lies in secret memory: OpenSSL would keep it on its heap, where a core dump
// finds it, and with it all that it seals.
class RestingSecret {
 public:
  RestingSecret() : status_(draw()) {}

  const Status& status() const { return status_; }
  uint64_t next_nonce() { return nonces_.fetch_add(1, std::memory_order_relaxed); }

  // `use` is given the expanded key.
  template <class Use>
  Status with_key(Use use) const {
    if (expanded_ != nullptr) return use(*expanded_);
    COFFER_ASSIGN(const auto expanded, AeadKey::create(kRestingSuite, key_.reveal(), *backend_));
    return use(*expanded);
  }

 private:
  Status draw() {
    COFFER_ASSIGN(backend_, crypto_backend(kRestingSuite));
    COFFER_ASSIGN(key_, random_secret(suite_info(kRestingSuite).key_size));
    if (!backend_->expands_in_secret_memory) return Status::ok();
    COFFER_ASSIGN(expanded_, AeadKey::create(kRestingSuite, key_.reveal(), *backend_));
    key_ = SecretBytes();
    return Status::ok();
  }

  const CryptoBackend* backend_ = nullptr;
  SecretBytes key_;
  std::unique_ptr<AeadKey> expanded_;
  std::atomic<uint64_t> nonces_{0};
  Status status_;
};

constinit PerProcess<RestingSecret> resting_secret;

constexpr std::array<uint8_t, kNonceSize> kNonceBase{};

}  // namespace

Result<SealedAtRest> SealedAtRest::seal(ByteView key) {
  if (key.size() > kSizeMax) return {Code::kInvalidArgument, "a key at rest has at most 64 bytes"};
  RestingSecret& secret = resting_secret.get();
  COFFER_TRY(secret.status());
  SealedAtRest out;
  out.nonce_ = secret.next_nonce();
  out.process_ = process_number();
  out.size_ = static_cast<uint8_t>(key.size());
  COFFER_TRY(secret.with_key([&](const AeadKey& expanded) {
    return expanded.seal(Nonce(kNonceBase, out.nonce_), {}, key, out.sealed_.data());
  }));
  return out;
}

Status SealedAtRest::open(MutableBytes out) const {
  COFFER_REQUIRE(out.size() == size_, "a key at rest is opened into as many bytes as it has");
  if (process_ != process_number()) return OfOneProcess::stayed_with_parent();
  return resting_secret.get().with_key([&](const AeadKey& expanded) -> Status {
    const ByteView sealed = ByteView(sealed_).first(size_ + kTagSize);
    if (expanded.open(Nonce(kNonceBase, nonce_), {}, sealed, out.data())) return Status::ok();
    return {Code::kInternal, "a key at rest was altered in memory"};
  });
}

}  // namespace coffer
