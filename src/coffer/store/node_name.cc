#include "coffer/store/node_name.h"

#include "coffer/store/node_key.h"

namespace coffer {

NodeName::Known NodeName::known(const Keyring& keyring) const {
  {
    std::lock_guard lock(mutex_);
    if (known_.version >= keyring.version()) return known_;
  }
  const Result<std::string> found = node_name_at(disk_, directory_, coffer_id_);
  std::lock_guard lock(mutex_);
  if (known_.version >= keyring.version()) return known_;
  known_.version = keyring.version();
  if (found.is_ok()) {
    known_.name = *found;
    known_.state = Status::ok();
  } else if (known_.name.empty()) {
    known_.state = found.status();
  }
  return known_;
}

std::string NodeName::name(const Keyring& keyring) const { return known(keyring).name; }

Status NodeName::state(const Keyring& keyring) const { return known(keyring).state; }

}  // namespace coffer
