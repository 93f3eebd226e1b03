#include "coffer/crypto/siv.h"

#include <algorithm>

#include "coffer/base/check.h"
#include "coffer/crypto/counter_mode.h"
#include "coffer/crypto/doubled_block.h"
#include "coffer/crypto/kdf.h"
#include "coffer/crypto/published_answers.h"

namespace coffer {
namespace {

template <class Block>
void xor_into(Block& block, ByteView bytes) {
  for (size_t i = 0; i < bytes.size(); ++i) block[i] ^= bytes[i];
}

// The bit behind a message that does not fill its last block.
constexpr uint8_t kEndMark = 0x80;

}  // namespace

AesSiv::AesSiv(AesSiv&&) noexcept = default;
AesSiv& AesSiv::operator=(AesSiv&&) noexcept = default;
AesSiv::~AesSiv() = default;

Result<AesSiv> AesSiv::create(const SivKey& key) {
  static const Status checked = check_published_siv();
  COFFER_TRY(checked);
  if (key.size() != kKeySize) {
    return {Code::kInvalidArgument, "AES-256-SIV needs a key of 64 bytes, not " + std::to_string(key.size())};
  }
  COFFER_ASSIGN(const CryptoBackend* backend, crypto_backend(Suite::kAes256Ctr));
  return create(key.reveal(), *backend);
}

Result<AesSiv> AesSiv::create(ByteView key, const CryptoBackend& backend) {
  const size_t half = key.size() / 2;
  const Suite suite = half == suite_info(Suite::kAes128Ctr).key_size ? Suite::kAes128Ctr : Suite::kAes256Ctr;
  AesSiv out;
  // Each call brings its own counter block: what stands behind the key does not matter.
  SecretBytes with_iv(half + kNonceSize);
  std::ranges::copy(key.first(half), with_iv.reveal_mutable().begin());
  COFFER_ASSIGN(out.mac_, CounterMode::create(suite, with_iv.reveal(), backend));
  std::ranges::copy(key.subspan(half), with_iv.reveal_mutable().begin());
  COFFER_ASSIGN(out.stream_, CounterMode::create(suite, with_iv.reveal(), backend));
  return out;
}

AesSiv::Block AesSiv::cmac(ByteView data, const Block* mask) const {
  Block subkey, state{};
  mac_->encrypt_block({}, subkey.data());
  double_block(subkey);
  const size_t mask_start = data.size() - (mask != nullptr ? kBlockSize : 0);
  for (size_t at = 0;; at += kBlockSize) {
    const size_t count = std::min(kBlockSize, data.size() - at);
    const bool is_last = at + count == data.size();
    xor_into(state, data.subspan(at, count));
    for (size_t i = std::max(at, mask_start); mask != nullptr && i < at + count; ++i) {
      state[i - at] ^= (*mask)[i - mask_start];
    }
    if (is_last && count < kBlockSize) {
      double_block(subkey);
      state[count] ^= kEndMark;
    }
    if (is_last) xor_into(state, subkey);
    mac_->encrypt_block(Block(state), state.data());
    if (!is_last) continue;
    wipe(subkey.data(), subkey.size());
    return state;
  }
}

AesSiv::Block AesSiv::tag_of(Associated associated, ByteView plaintext) const {
  constexpr Block kZero{};
  Block sum = cmac(kZero, nullptr);
  for (const ByteView each : associated) {
    double_block(sum);
    xor_into(sum, cmac(each, nullptr));
  }
  if (plaintext.size() >= kBlockSize) return cmac(plaintext, &sum);
  double_block(sum);
  xor_into(sum, plaintext);
  sum[plaintext.size()] ^= kEndMark;
  return cmac(sum, nullptr);
}

void AesSiv::apply_stream(const Block& tag, ByteView in, uint8_t* out) const {
  Block counter = tag;
  // So that implementations may count in 32 or 64 bits.
  counter[8] &= 0x7f;
  counter[12] &= 0x7f;
  stream_->apply_from(counter, in, out);
}

Status AesSiv::seal(Associated associated, ByteView plaintext, MutableBytes out) const {
  COFFER_REQUIRE(out.size() == kTagSize + plaintext.size(), "what AES-SIV seals grows by its tag");
  COFFER_TRY(mac_->usable());
  const Block tag = tag_of(associated, plaintext);
  std::ranges::copy(tag, out.begin());
  apply_stream(tag, plaintext, out.data() + kTagSize);
  return Status::ok();
}

Status AesSiv::open(Associated associated, ByteView sealed, MutableBytes out) const {
  COFFER_REQUIRE(sealed.size() == kTagSize + out.size(), "what AES-SIV opens shrinks by its tag");
  COFFER_TRY(mac_->usable());
  Block tag;
  std::copy_n(sealed.begin(), kTagSize, tag.begin());
  apply_stream(tag, sealed.subspan(kTagSize), out.data());
  if (equal_constant_time(tag_of(associated, out), tag)) return Status::ok();
  wipe(out.data(), out.size());
  return {Code::kTampered, "it was not sealed like this with this key"};
}

void AesSiv::drop_key() {
  mac_.reset();
  stream_.reset();
}

void AesSiv::take_key(AesSiv&& same) { *this = std::move(same); }

}  // namespace coffer
