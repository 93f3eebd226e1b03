// A TPM of the test's own: swtpm on two sockets in a directory of its own, where its state is too.
#pragma once

#include <sys/types.h>

#include <string>

#include "io/temporary_directory.h"

namespace coffer {

class SoftTpm {
 public:
  SoftTpm();  // is running
  ~SoftTpm();
  SoftTpm(const SoftTpm&) = delete;
  SoftTpm& operator=(const SoftTpm&) = delete;

  // "swtpm:path=…"
  std::string tcti() const;
  // A place for sealed keys and passwords.
  std::string path(const std::string& name) const { return directory_ / name; }

  void start();
  void stop();  // at once
  void suspend();
  void resume();
  void restart_as_another_machine();  // its seeds are new

  // As firmware and boot loader do with what they run.
  void extend_pcr(uint32_t index);
  void set_owner_password(const std::string& password);

 private:
  bool answers() const;
  TemporaryDirectory directory_;
  pid_t process_ = -1;
};

}  // namespace coffer
