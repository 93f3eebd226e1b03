#include "coffer/format/ctr.h"

#include "coffer/format/key_schedule.h"

namespace coffer {

Result<CtrBody> CtrBody::create(const FileKey& file_key, Suite suite, const Id& file_id) {
  if (suite_info(suite).mode != CipherMode::kCounter) {
    return {Code::kInvalidArgument,
            "a ctr file needs a counter-mode suite, such as aes-256-ctr, not " + std::string(suite_info(suite).name)};
  }
  COFFER_ASSIGN(CtrKey key, ctr_body_key(file_key, suite, file_id));
  COFFER_ASSIGN(CtrStream stream, CtrStream::create(suite, key));
  return CtrBody(std::move(stream));
}

Status CtrBody::apply(uint64_t offset, ByteView in, uint8_t* out) const {
  if (offset > kCtrBodySizeMax || in.size() > kCtrBodySizeMax - offset) {
    return {Code::kLimitExceeded, "a ctr body holds at most 2^40 bytes"};
  }
  return stream_.apply(offset, in, out);
}

Result<Gmac> ctr_body_mac(const FileKey& file_key, const Id& file_id) {
  COFFER_ASSIGN(auto key, ctr_mac_key(file_key, file_id));
  return Gmac::create(key);
}

}  // namespace coffer
