#include "coffer/crypto/ipsec_mb.h"

namespace coffer {
namespace {

struct Manager {
  IMB_MGR* manager = nullptr;
  Status status;

  void give_up(std::string reason) {
    if (manager != nullptr) free_mb_mgr(manager);
    manager = nullptr;
    status = Status(Code::kUnsupported, std::move(reason));
  }
};

Manager make_manager() {
  Manager out;
  out.manager = alloc_mb_mgr(0);
  if (out.manager == nullptr) {
    out.give_up("ipsec-mb has no memory for its tables");
    return out;
  }
  init_mb_mgr_auto(out.manager, nullptr);
  constexpr uint64_t kNeeded = IMB_CPUFLAGS_SSE;
  if ((out.manager->features & kNeeded) != kNeeded) {
    out.give_up("this CPU has no AES or carry-less multiplication instructions for ipsec-mb");
  } else if (int error = imb_get_errno(out.manager); error != 0) {
    out.give_up("ipsec-mb failed to start: " + std::string(imb_get_strerror(error)));
  }
  return out;
}

const Manager& shared_manager() {
  static const Manager manager = make_manager();
  return manager;
}

}  // namespace

IMB_MGR* ipsec_mb_manager() { return shared_manager().manager; }

Status ipsec_mb_status() { return shared_manager().status; }

}  // namespace coffer
