#include "coffer/crypto/known_answers.h"

#include <algorithm>

#include "coffer/crypto/aead.h"
#include "coffer/crypto/counter_mode.h"
#include "coffer/crypto/gmac.h"
#include "coffer/crypto/xaes.h"

namespace coffer {
namespace {

// Around a block, and around the 4, 8, 16, 32 and 48 blocks that vectorised code takes at once, with a tail each.
constexpr size_t kSizes[] = {0, 1, 15, 16, 17, 63, 64, 65, 127, 129, 255, 257, 511, 513, 767, 769, 1024, 4096, 4113};
constexpr size_t kSizeMax = 4113;

Status differs(std::string_view what, size_t size) {
  return {Code::kUnsupported, std::string(what) + " of " + std::to_string(size) + " bytes differs from OpenSSL's"};
}

// Bytes that look alike nowhere, the same in every run.
Bytes pattern(size_t size, uint32_t seed) {
  Bytes out(size);
  uint32_t state = seed * 2654435761u + 1;
  for (uint8_t& byte : out) {
    state = state * 1664525u + 1013904223u;
    byte = static_cast<uint8_t>(state >> 24);
  }
  return out;
}

Status check_aead(const SuiteInfo& info, const CryptoBackend& backend) {
  Bytes key = pattern(info.key_size, 1);
  COFFER_ASSIGN(auto reference, AeadKey::create(info.suite, key, crypto_backends().front()));
  COFFER_ASSIGN(auto candidate, AeadKey::create(info.suite, key, backend));
  std::array<uint8_t, kNonceSize> base;
  std::ranges::copy(pattern(kNonceSize, 2), base.begin());
  Bytes text = pattern(kSizeMax, 3);
  for (size_t size : kSizes) {
    Nonce nonce(base, size);
    ByteView plaintext = ByteView(text).first(size);
    ByteView associated = ByteView(text).last(size % 49);
    Bytes expected(size + kTagSize), sealed(size + kTagSize), opened(size);
    COFFER_TRY(reference->seal(nonce, associated, plaintext, expected.data()));
    COFFER_TRY(candidate->seal(nonce, associated, plaintext, sealed.data()));
    if (sealed != expected) return differs(info.name, size);
    if (!candidate->open(nonce, associated, sealed, opened.data())) return differs(info.name, size);
    if (!std::ranges::equal(opened, plaintext)) return differs(info.name, size);
    sealed[size * 7 % sealed.size()] ^= 0x10;
    if (candidate->open(nonce, associated, sealed, opened.data())) {
      return {Code::kUnsupported, std::string(info.name) + " opens what was altered"};
    }
  }
  return Status::ok();
}

Status check_extended(const SuiteInfo& info, const CryptoBackend& backend) {
  const Bytes key = pattern(info.key_size, 6);
  COFFER_ASSIGN(const XaesGcm reference, XaesGcm::create(key, crypto_backends().front()));
  COFFER_ASSIGN(const XaesGcm candidate, XaesGcm::create(key, backend));
  COFFER_ASSIGN(XaesSealing sealing, XaesSealing::begin(candidate));
  XaesOpening opening(reference);
  const Bytes text = pattern(kSizeMax, 7);
  for (size_t size : kSizes) {
    const ByteView plaintext = ByteView(text).first(size);
    const ByteView associated = ByteView(text).last(size % 49);
    Bytes sealed(size), opened(size);
    XaesSeal seal;
    COFFER_TRY(sealing.seal(associated, plaintext, sealed.data(), seal));
    if (!opening.open(associated, sealed, seal, opened.data())) return differs(info.name, size);
    if (!std::ranges::equal(opened, plaintext)) return differs(info.name, size);
  }
  return Status::ok();
}

Status check_counter_mode(const SuiteInfo& info, const CryptoBackend& backend) {
  constexpr uint64_t kCarry = uint64_t{1} << 36;  // where the last 32 bits of the counter overflow
  Bytes key = pattern(info.key_size + kNonceSize, 4);
  COFFER_ASSIGN(auto reference, CounterMode::create(info.suite, key, crypto_backends().front()));
  COFFER_ASSIGN(auto candidate, CounterMode::create(info.suite, key, backend));
  Bytes text = pattern(kSizeMax, 5), expected(kSizeMax), out(kSizeMax);
  for (uint64_t offset : {uint64_t{0}, uint64_t{5}, kCarry - 32, kCarry - 3, kCarry}) {
    for (size_t size : kSizes) {
      ByteView in = ByteView(text).first(size);
      reference->apply(offset, in, expected.data());
      candidate->apply(offset, in, out.data());
      if (!std::equal(out.begin(), out.begin() + static_cast<ptrdiff_t>(size), expected.begin())) {
        return differs(info.name, size);
      }
    }
  }
  return Status::ok();
}

}  // namespace

Status check_suite_against_openssl(const SuiteInfo& info, const CryptoBackend& backend) {
  switch (info.mode) {
    case CipherMode::kAead: return check_aead(info, backend);
    case CipherMode::kExtendedAead: return check_extended(info, backend);
    case CipherMode::kCounter: break;
  }
  return check_counter_mode(info, backend);
}

Status check_gmac_against_openssl(const CryptoBackend& backend) {
  Bytes key = pattern(GmacComputation::kAesKeySize + kNonceSize, 6);
  COFFER_ASSIGN(auto reference, GmacComputation::create(key, crypto_backends().front()));
  COFFER_ASSIGN(auto candidate, GmacComputation::create(key, backend));
  size_t total = 0;
  for (size_t size : kSizes) {
    Bytes piece = pattern(size, 7);
    if (size == 0) continue;
    reference->update(piece);
    candidate->update(piece);
    total += size;
  }
  return reference->finish() == candidate->finish() ? Status::ok() : differs("GMAC", total);
}

}  // namespace coffer
