#include <new>

#include "coffer/crypto/gmac.h"
#include "coffer/crypto/ipsec_mb.h"

namespace coffer {
namespace {

class IpsecMbGmac final : public GmacComputation {
 public:
  IpsecMbGmac(IMB_MGR& library, ByteView key, ByteView nonce)
      : library_(library), schedule_memory_(sizeof(gcm_key_data)), context_memory_(sizeof(gcm_context_data)) {
    auto* schedule = new (schedule_memory_.reveal_mutable().data()) gcm_key_data;
    auto* context = new (context_memory_.reveal_mutable().data()) gcm_context_data;
    IMB_AES256_GCM_PRE(&library_, key.data(), schedule);
    IMB_AES256_GMAC_INIT(&library_, schedule, context, nonce.data(), nonce.size());
  }

  void update(ByteView data) override {
    IMB_AES256_GMAC_UPDATE(&library_, schedule(), context(), data.data(), data.size());
  }

  std::array<uint8_t, kTagSize> finish() override {
    std::array<uint8_t, kTagSize> tag{};
    IMB_AES256_GMAC_FINALIZE(&library_, schedule(), context(), tag.data(), tag.size());
    return tag;
  }

 private:
  const gcm_key_data* schedule() const {
    return std::launder(reinterpret_cast<const gcm_key_data*>(schedule_memory_.reveal().data()));
  }
  gcm_context_data* context() {
    return std::launder(reinterpret_cast<gcm_context_data*>(context_memory_.reveal_mutable().data()));
  }

  IMB_MGR& library_;
  SecretBytes schedule_memory_;
  SecretBytes context_memory_;
};

}  // namespace

std::unique_ptr<GmacComputation> ipsec_mb_gmac(ByteView key, ByteView nonce) {
  IMB_MGR* library = ipsec_mb_library();
  if (library == nullptr) return nullptr;
  return std::make_unique<IpsecMbGmac>(*library, key, nonce);
}

}  // namespace coffer
