#include "coffer/crypto/xaes.h"

#include <algorithm>

#include "coffer/crypto/counter_mode.h"
#include "coffer/crypto/doubled_block.h"
#include "coffer/crypto/random.h"

namespace coffer {
namespace {

constexpr size_t kBlock = CounterMode::kBlockSize;

// Of the two halves of a nonce: what a key is derived from, and the base of the 12 bytes that AES-256-GCM itself is
// given.
DerivedKey::Origin first_bytes(const std::array<uint8_t, XaesSeal::kNonceSize>& nonce) {
  DerivedKey::Origin out;
  std::copy_n(nonce.begin(), out.size(), out.begin());
  return out;
}
std::array<uint8_t, kNonceSize> last_bytes(const std::array<uint8_t, XaesSeal::kNonceSize>& nonce) {
  std::array<uint8_t, kNonceSize> out;
  std::copy_n(nonce.begin() + kNonceSize, kNonceSize, out.begin());
  return out;
}

}  // namespace

XaesGcm::XaesGcm(XaesGcm&&) noexcept = default;
XaesGcm& XaesGcm::operator=(XaesGcm&&) noexcept = default;
XaesGcm::~XaesGcm() = default;

Result<XaesGcm> XaesGcm::create(const XaesKey& key) {
  COFFER_ASSIGN(const CryptoBackend* backend, crypto_backend(Suite::kXaes256Gcm));
  return create(key.reveal(), *backend);
}

Result<XaesGcm> XaesGcm::create(ByteView key, const CryptoBackend& backend) {
  const SuiteInfo& info = suite_info(Suite::kXaes256Gcm);
  if (key.size() != info.key_size) {
    return {Code::kInvalidArgument,
            std::string(info.name) + " needs a key of 32 bytes, not " + std::to_string(key.size())};
  }
  XaesGcm out;
  out.backend_ = &backend;
  // Only single blocks are asked of it, so its iv does not matter.
  SecretBytes with_iv(key.size() + kNonceSize);
  std::ranges::copy(key, with_iv.reveal_mutable().begin());
  COFFER_ASSIGN(out.block_, CounterMode::create(Suite::kAes256Ctr, with_iv.reveal(), backend));
  out.subkey_ = SecretBytes(kBlock);
  out.block_->encrypt_block({}, out.subkey_.reveal_mutable().data());
  double_block(out.subkey_.reveal_mutable().first<kBlock>());
  out.owner_ = DerivedKeyOwner::create();
  return out;
}

Status XaesGcm::usable() const { return block_->usable(); }

void XaesGcm::drop_key() {
  block_.reset();
  subkey_ = {};
  owner_.forget();
}

void XaesGcm::take_key(XaesGcm&& same) { *this = std::move(same); }

// Key n of two halves is AES of (00 n 58 00 ‖ the nonce's first 12 bytes) XOR K1: CMAC of one block, in counter mode
// (SP 800-108 section 4.1).
Status XaesGcm::derive(const DerivedKey::Origin& nonce_start, DerivedKey& out) const {
  const ByteView mask = subkey_.reveal();
  std::array<uint8_t, 2 * kBlock> key;
  for (uint8_t half : {0, 1}) {
    CounterMode::Counter block = {0, static_cast<uint8_t>(half + 1), 'X', 0};
    std::ranges::copy(nonce_start, block.begin() + 4);
    for (size_t i = 0; i < kBlock; ++i) block[i] ^= mask[i];
    block_->encrypt_block(block, key.data() + half * kBlock);
    wipe(block.data(), block.size());
  }
  const Status status = out.put(owner_, nonce_start, key, *backend_);
  wipe(key.data(), key.size());
  return status;
}

Result<XaesSealing> XaesSealing::begin(const XaesGcm& key) {
  COFFER_TRY(key.usable());
  XaesSealing out;
  COFFER_TRY(unique_bytes(out.nonce_));
  out.key_ = DerivedKey::borrow();
  COFFER_TRY(key.derive(first_bytes(out.nonce_), out.key_));
  return out;
}

Status XaesSealing::seal(ByteView associated, ByteView plaintext, uint8_t* ciphertext, XaesSeal& seal) {
  if (sealed_ == kMessagesMax) return {Code::kLimitExceeded, "too many messages were sealed at once"};
  const Nonce nonce(last_bytes(nonce_), sealed_++);
  seal.nonce = nonce_;
  std::copy_n(nonce.data(), kNonceSize, seal.nonce.begin() + kNonceSize);
  COFFER_TRY(key_.key().seal(nonce, associated, plaintext, ciphertext, seal.tag.data()));
  key_.key().audit(nonce, associated, {ciphertext, plaintext.size()}, seal.tag.data());
  return Status::ok();
}

bool XaesOpening::open(ByteView associated, ByteView ciphertext, const XaesSeal& seal, uint8_t* out) {
  const DerivedKey::Origin start = first_bytes(seal.nonce);
  if (key_.is_empty()) key_ = DerivedKey::borrow();
  if (!xaes_.usable().is_ok() || (!key_.holds(xaes_.owner_, start) && !xaes_.derive(start, key_).is_ok())) {
    wipe(out, ciphertext.size());
    return false;
  }
  return key_.key().open(Nonce(last_bytes(seal.nonce), 0), associated, ciphertext, seal.tag.data(), out);
}

}  // namespace coffer
