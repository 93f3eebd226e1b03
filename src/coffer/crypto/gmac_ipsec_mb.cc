#include <new>

#include "coffer/crypto/gmac.h"
#include "coffer/crypto/ipsec_mb.h"

namespace coffer {
namespace {

class IpsecMbGmac final : public GmacComputation {
 public:
  IpsecMbGmac(IMB_MGR& library, ByteView key, ByteView nonce) : library_(library), memory_(sizeof(Parts)) {
    parts_ = new (memory_.reveal_mutable().data()) Parts;
    IMB_AES256_GCM_PRE(&library_, key.data(), &parts_->schedule);
    IMB_AES256_GMAC_INIT(&library_, &parts_->schedule, &parts_->context, nonce.data(), nonce.size());
  }

  void update(ByteView data) override {
    IMB_AES256_GMAC_UPDATE(&library_, &parts_->schedule, &parts_->context, data.data(), data.size());
  }

  std::array<uint8_t, kTagSize> finish() override {
    std::array<uint8_t, kTagSize> tag{};
    IMB_AES256_GMAC_FINALIZE(&library_, &parts_->schedule, &parts_->context, tag.data(), tag.size());
    return tag;
  }

 private:
  struct Parts {
    gcm_key_data schedule;
    gcm_context_data context;
  };

  IMB_MGR& library_;
  SecretBytes memory_;
  Parts* parts_;  // in memory_
};

}  // namespace

std::unique_ptr<GmacComputation> ipsec_mb_gmac(ByteView key, ByteView nonce) {
  IMB_MGR* library = ipsec_mb_library();
  if (library == nullptr) return nullptr;
  return std::make_unique<IpsecMbGmac>(*library, key, nonce);
}

}  // namespace coffer
