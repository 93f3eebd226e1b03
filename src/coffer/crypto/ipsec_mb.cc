#include "coffer/crypto/ipsec_mb.h"

namespace coffer {
namespace {

struct Library {
  IMB_MGR* functions = nullptr;
  Status status;

  void give_up(std::string reason) {
    if (functions != nullptr) free_mb_mgr(functions);
    functions = nullptr;
    status = Status(Code::kUnsupported, std::move(reason));
  }
};

Library open_library() {
  Library out;
  out.functions = alloc_mb_mgr(0);
  if (out.functions == nullptr) {
    out.give_up("ipsec-mb has no memory for its tables");
    return out;
  }
  init_mb_mgr_auto(out.functions, nullptr);
  constexpr uint64_t kNeeded = IMB_CPUFLAGS_SSE;
  if ((out.functions->features & kNeeded) != kNeeded) {
    out.give_up("this CPU has no AES or carry-less multiplication instructions for ipsec-mb");
  } else if (int error = imb_get_errno(out.functions); error != 0) {
    out.give_up("ipsec-mb failed to start: " + std::string(imb_get_strerror(error)));
  }
  return out;
}

const Library& library() {
  static const Library opened = open_library();
  return opened;
}

}  // namespace

IMB_MGR* ipsec_mb_library() { return library().functions; }

std::string ipsec_mb_version() { return imb_get_version_str(); }

Status ipsec_mb_status() { return library().status; }

}  // namespace coffer
