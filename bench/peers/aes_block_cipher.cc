#include <openssl/evp.h>

#include "cipher.h"

namespace coffer_peers {
namespace {

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

Context make_context() {
  Context context(EVP_CIPHER_CTX_new());
  if (context == nullptr) return nullptr;
  if (EVP_EncryptInit_ex(context.get(), EVP_aes_256_ecb(), nullptr, kBenchKey.data(), nullptr) != 1) return nullptr;
  EVP_CIPHER_CTX_set_padding(context.get(), 0);
  return context;
}

class AesBlockCipher final : public rocksdb::BlockCipher {
 public:
  const char* Name() const override { return "coffer-bench-aes-256"; }
  size_t BlockSize() override { return kBlockSize; }

  rocksdb::Status Encrypt(char* data) override {
    static thread_local const Context context = make_context();
    auto* block = reinterpret_cast<unsigned char*>(data);
    int written = 0;
    if (context == nullptr || EVP_EncryptUpdate(context.get(), block, &written, block, kBlockSize) != 1) {
      return rocksdb::Status::IOError("OpenSSL refused AES-256");
    }
    return rocksdb::Status::OK();
  }
  // Counter mode only ever encrypts blocks.
  rocksdb::Status Decrypt(char*) override { return rocksdb::Status::NotSupported("counter mode decrypts no block"); }

 private:
  static constexpr int kBlockSize = 16;
};

}  // namespace

std::shared_ptr<rocksdb::BlockCipher> make_aes_block_cipher() { return std::make_shared<AesBlockCipher>(); }

}  // namespace coffer_peers
