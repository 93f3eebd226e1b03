#include "coffer/crypto/kdf.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <utility>

#include "coffer/crypto/kdf_provider.h"
#include "coffer/crypto/openssl.h"
#include "coffer/crypto/published_answers.h"

namespace coffer {
namespace {

constexpr size_t kSha256Size = 32;
constexpr size_t kSha512Size = 64;
constexpr size_t kSha512Block = 128;
constexpr std::string_view kDerivePrefix = "coffer/v1 ";

Status digest_failed() {
  return {Code::kInternal, "OpenSSL cannot compute SHA-2: check its configuration and providers"};
}

// What a thread keeps. Trivial, so that it may be used by what still runs when the thread's objects are gone: exit
// handlers, destructors of static objects.
struct KeptDigests {
  EVP_MD_CTX* sha256;
  EVP_MD_CTX* sha512;
};
thread_local constinit KeptDigests kept_digests{};

struct FreesKeptDigests {
  ~FreesKeptDigests() {
    EVP_MD_CTX_free(std::exchange(kept_digests.sha256, nullptr));
    EVP_MD_CTX_free(std::exchange(kept_digests.sha512, nullptr));
  }
};

EVP_MD_CTX* kept(EVP_MD_CTX*& context) {
  if (context == nullptr) [[unlikely]] {
    thread_local const FreesKeptDigests at_its_end;
    static_cast<void>(&at_its_end);
    context = EVP_MD_CTX_new();
  }
  return context;
}

// One hash computation in a context that the thread keeps. SHA-2's state after the last step is the result itself,
// which may be a key, so the destructor starts the context over.
class Digest {
 public:
  explicit Digest(const EVP_MD* md) : md_(md) { restart(); }
  ~Digest() { restart(); }
  Digest(const Digest&) = delete;
  Digest& operator=(const Digest&) = delete;

  void restart() { good_ = md_ != nullptr && context() != nullptr && EVP_DigestInit_ex2(context(), md_, nullptr) == 1; }
  void update(ByteView data) {
    if (!data.empty()) good_ = good_ && EVP_DigestUpdate(context(), data.data(), data.size()) == 1;
  }
  // `out` has room for the hash.
  [[nodiscard]] bool finish(uint8_t* out) { return good_ && EVP_DigestFinal_ex(context(), out, nullptr) == 1; }

 private:
  // One per hash function: changing the algorithm of a context would free and allocate its state.
  EVP_MD_CTX* context() const {
    return kept(md_ == openssl_algorithms().sha256 ? kept_digests.sha256 : kept_digests.sha512);
  }

  const EVP_MD* md_;
  bool good_ = false;
};

// HMAC (RFC 2104) of up to three parts. The key's two padded blocks are on this object, and wiped.
class Hmac {
 public:
  Hmac(const EVP_MD* md, ByteView key) : md_(md), block_size_(md == openssl_algorithms().sha256 ? 64 : kSha512Block) {
    if (key.size() > block_size_) {
      Digest digest(md);
      digest.update(key);
      good_ = digest.finish(inner_);
    } else if (!key.empty()) {
      std::ranges::copy(key, inner_);
    }
    for (size_t i = 0; i < block_size_; ++i) {
      outer_[i] = inner_[i] ^ 0x5c;
      inner_[i] ^= 0x36;
    }
  }
  ~Hmac() {
    wipe(inner_, sizeof inner_);
    wipe(outer_, sizeof outer_);
  }
  Hmac(const Hmac&) = delete;
  Hmac& operator=(const Hmac&) = delete;

  // `out` has room for the hash, and may be one of the parts.
  [[nodiscard]] bool compute(std::initializer_list<ByteView> parts, MutableBytes out) const {
    Digest digest(md_);
    digest.update({inner_, block_size_});
    for (ByteView part : parts) digest.update(part);
    if (!good_ || !digest.finish(out.data())) return false;
    digest.restart();
    digest.update({outer_, block_size_});
    digest.update(out);
    return digest.finish(out.data());
  }

 private:
  const EVP_MD* md_;
  size_t block_size_;
  bool good_ = true;
  uint8_t inner_[kSha512Block] = {};
  uint8_t outer_[kSha512Block] = {};
};

Status provider_expand(size_t hash_size, ByteView prk, ByteView info, MutableBytes out) {
  const char* const digest = hash_size == kSha256Size ? "SHA2-256" : "SHA2-512";
  return out.empty() || provider_hkdf_expand(digest, prk, info, out) ? Status::ok() : digest_failed();
}

Status expand(const EVP_MD* md, size_t hash_size, ByteView prk, ByteView info, MutableBytes out) {
  if (out.size() > 255 * hash_size) {
    return {Code::kInvalidArgument,
            "HKDF gives at most " + std::to_string(255 * hash_size) + " bytes, not " + std::to_string(out.size())};
  }
  ErrorQueueGuard guard;
  if (is_fips()) return provider_expand(hash_size, prk, info, out);
  Hmac hmac(md, prk);
  uint8_t block[kSha512Size];
  ByteView previous;
  bool good = true;
  for (uint8_t counter = 1; good && !out.empty(); ++counter) {
    good = hmac.compute({previous, info, {&counter, 1}}, {block, hash_size});
    previous = {block, hash_size};
    size_t count = std::min(out.size(), hash_size);
    if (good) std::copy_n(block, count, out.begin());
    out = out.subspan(count);
  }
  wipe(block, sizeof block);
  return good ? Status::ok() : digest_failed();
}

// Each without having been asked whether it is right.

Status expand_sha256(ByteView prk, ByteView info, MutableBytes out) {
  return expand(openssl_algorithms().sha256, kSha256Size, prk, info, out);
}

Status expand_sha512(ByteView prk, ByteView info, MutableBytes out) {
  return expand(openssl_algorithms().sha512, kSha512Size, prk, info, out);
}

Status compute_hmac_sha256(ByteView key, ByteView data, MutableBytes out) {
  ErrorQueueGuard guard;
  const bool good = is_fips() ? provider_hmac("SHA2-256", key, data, out)
                              : Hmac(openssl_algorithms().sha256, key).compute({data}, out);
  return good ? Status::ok() : digest_failed();
}

Status compute_sha256(ByteView /*key*/, ByteView data, MutableBytes out) {
  ErrorQueueGuard guard;
  Digest digest(openssl_algorithms().sha256);
  digest.update(data);
  return digest.finish(out.data()) ? Status::ok() : digest_failed();
}

}  // namespace

Status hkdf_expand_sha256(ByteView prk, ByteView info, MutableBytes out) {
  static const Status checked = check_published_hash(HashAnswer::kHkdfExpandSha256, expand_sha256);
  COFFER_TRY(checked);
  return expand_sha256(prk, info, out);
}

Status hkdf_expand_sha512(ByteView prk, ByteView info, MutableBytes out) {
  static const Status checked = check_published_hash(HashAnswer::kHkdfExpandSha512, expand_sha512);
  COFFER_TRY(checked);
  return expand_sha512(prk, info, out);
}

Status hkdf_sha256(ByteView input_key, ByteView salt, ByteView info, MutableBytes out) {
  // An absent salt is a block of zeros to RFC 5869, which HMAC's padding makes the same as an empty key.
  COFFER_ASSIGN(Sha256 prk, hmac_sha256(salt, input_key));
  Status status = hkdf_expand_sha256(prk, info, out);
  wipe(prk.data(), prk.size());
  return status;
}

Bytes labelled(std::string_view label, ByteView context) {
  Bytes out(label.begin(), label.end());
  out.push_back(0);
  out.insert(out.end(), context.begin(), context.end());
  return out;
}

Result<SecretBytes> derive(ByteView prk, std::string_view label, ByteView context, size_t size) {
  constexpr size_t kLabelAndContextMax = 256;
  if (label.size() > kLabelAndContextMax || context.size() > kLabelAndContextMax - label.size()) {
    return {Code::kInvalidArgument, "label and context of a derivation have more than 256 bytes"};
  }
  std::array<uint8_t, kDerivePrefix.size() + kLabelAndContextMax + 1> info;
  auto end = std::ranges::copy(kDerivePrefix, info.begin()).out;
  end = std::ranges::copy(label, end).out;
  *end++ = 0;
  end = std::ranges::copy(context, end).out;
  SecretBytes out(size);
  COFFER_TRY(hkdf_expand_sha256(prk, {info.begin(), end}, out.reveal_mutable()));
  return out;
}

Result<Sha256> hmac_sha256(ByteView key, ByteView data) {
  static const Status checked = check_published_hash(HashAnswer::kHmacSha256, compute_hmac_sha256);
  COFFER_TRY(checked);
  Sha256 out;
  COFFER_TRY(compute_hmac_sha256(key, data, out));
  return out;
}

Result<Sha256> sha256(ByteView data) {
  static const Status checked = check_published_hash(HashAnswer::kSha256, compute_sha256);
  COFFER_TRY(checked);
  Sha256 out;
  COFFER_TRY(compute_sha256({}, data, out));
  return out;
}

bool equal_constant_time(ByteView a, ByteView b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace coffer
