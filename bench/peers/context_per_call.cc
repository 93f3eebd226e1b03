#include <openssl/evp.h>
#include <openssl/rand.h>

#include <cstring>

#include "cipher.h"

namespace coffer_peers {
namespace {

constexpr size_t kPrefixSize = 4096;
constexpr size_t kBlockSize = 16;
using Counter = std::array<unsigned char, kBlockSize>;

// counter + blocks, as 128-bit big-endian integers.
Counter advance(Counter counter, uint64_t blocks) {
  unsigned carry = 0;
  for (size_t i = 0; i < kBlockSize; ++i) {
    const unsigned sum = counter[kBlockSize - 1 - i] + carry + (i < 8 ? (blocks >> (8 * i)) & 0xff : 0);
    counter[kBlockSize - 1 - i] = static_cast<unsigned char>(sum);
    carry = sum >> 8;
  }
  return counter;
}

class ContextPerCallStream final : public rocksdb::BlockAccessCipherStream {
 public:
  explicit ContextPerCallStream(const Counter& initial) : initial_(initial) {}

  size_t BlockSize() override { return kBlockSize; }
  rocksdb::Status Encrypt(uint64_t offset, char* data, size_t size) override { return apply(offset, data, size); }
  rocksdb::Status Decrypt(uint64_t offset, char* data, size_t size) override { return apply(offset, data, size); }

 protected:
  // Never called: Encrypt and Decrypt above take whole buffers.
  void AllocateScratch(std::string&) override {}
  rocksdb::Status EncryptBlock(uint64_t, char*, char*) override { return rocksdb::Status::NotSupported(); }
  rocksdb::Status DecryptBlock(uint64_t, char*, char*) override { return rocksdb::Status::NotSupported(); }

 private:
  rocksdb::Status apply(uint64_t offset, char* data, size_t size) const {
    EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
    const bool done = context != nullptr && apply_in(context, offset, reinterpret_cast<unsigned char*>(data), size);
    EVP_CIPHER_CTX_free(context);
    return done ? rocksdb::Status::OK() : rocksdb::Status::IOError("OpenSSL refused AES-256-CTR");
  }
  bool apply_in(EVP_CIPHER_CTX* context, uint64_t offset, unsigned char* data, size_t size) const {
    const Counter counter = advance(initial_, offset / kBlockSize);
    if (EVP_EncryptInit_ex(context, EVP_aes_256_ctr(), nullptr, kBenchKey.data(), counter.data()) != 1) return false;
    int written = 0;
    const int skip = static_cast<int>(offset % kBlockSize);
    unsigned char discarded[kBlockSize] = {};
    if (skip > 0 && EVP_EncryptUpdate(context, discarded, &written, discarded, skip) != 1) return false;
    return EVP_EncryptUpdate(context, data, &written, data, static_cast<int>(size)) == 1;
  }

  const Counter initial_;
};

class ContextPerCallProvider final : public rocksdb::EncryptionProvider {
 public:
  const char* Name() const override { return "coffer-bench-context-per-call"; }
  size_t GetPrefixLength() const override { return kPrefixSize; }

  rocksdb::Status CreateNewPrefix(const std::string&, char* prefix, size_t size) const override {
    std::memset(prefix, 0, size);
    const bool filled = size >= kBlockSize && RAND_bytes(reinterpret_cast<unsigned char*>(prefix), kBlockSize) == 1;
    return filled ? rocksdb::Status::OK() : rocksdb::Status::IOError("no randomness for the initial counter");
  }
  rocksdb::Status AddCipher(const std::string&, const char*, size_t, bool) override {
    return rocksdb::Status::NotSupported("the key is fixed");
  }
  rocksdb::Status CreateCipherStream(const std::string& name, const rocksdb::EnvOptions&, rocksdb::Slice& prefix,
                                     std::unique_ptr<rocksdb::BlockAccessCipherStream>* result) override {
    Counter initial;
    if (prefix.size() < initial.size()) return rocksdb::Status::Corruption(name, "shorter than its prefix");
    std::memcpy(initial.data(), prefix.data(), initial.size());
    *result = std::make_unique<ContextPerCallStream>(initial);
    return rocksdb::Status::OK();
  }
};

}  // namespace

std::shared_ptr<rocksdb::EncryptionProvider> make_context_per_call_provider() {
  return std::make_shared<ContextPerCallProvider>();
}

}  // namespace coffer_peers
