#include "providers/tpm/soft_tpm.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_tctildr.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <thread>

namespace coffer {
namespace {

void with_esys(const std::string& tcti, const std::function<TSS2_RC(ESYS_CONTEXT*)>& work) {
  TSS2_TCTI_CONTEXT* connection = nullptr;
  ESYS_CONTEXT* esys = nullptr;
  TSS2_RC rc = Tss2_TctiLdr_Initialize(tcti.c_str(), &connection);
  if (rc == TSS2_RC_SUCCESS) rc = Esys_Initialize(&esys, connection, nullptr);
  if (rc == TSS2_RC_SUCCESS) rc = work(esys);
  Esys_Finalize(&esys);
  Tss2_TctiLdr_Finalize(&connection);
  if (rc != TSS2_RC_SUCCESS) throw std::runtime_error("TPM of the test: " + std::to_string(rc));
}

}  // namespace

SoftTpm::SoftTpm() {
  ::setenv("TSS2_LOG", "all+NONE", 0);
  start();
}

SoftTpm::~SoftTpm() { stop(); }

std::string SoftTpm::tcti() const { return "swtpm:path=" + (directory_ / "tpm"); }

void SoftTpm::start() {
  const std::string state = "dir=" + directory_.path(), log = "file=" + (directory_ / "log");
  const std::string server = "type=unixio,path=" + (directory_ / "tpm");
  const std::string control = server + ".ctrl";  // where the TSS looks for it
  std::filesystem::remove(directory_ / "tpm");
  process_ = ::fork();
  if (process_ == 0) {
    const int null = ::open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; ++fd) ::dup2(null, fd);
    ::execlp("swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", state.c_str(), "--server", server.c_str(), "--ctrl",
             control.c_str(), "--flags", "not-need-init,startup-clear", "--log", log.c_str(), nullptr);
    ::_exit(127);
  }
  for (int wait = 0; wait < 1000 && ::waitpid(process_, nullptr, WNOHANG) == 0; ++wait) {
    if (answers()) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  stop();
  throw std::runtime_error("swtpm does not start; is it installed?");
}

// It opens this socket last, the control socket before it.
bool SoftTpm::answers() const {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  (directory_ / "tpm").copy(address.sun_path, sizeof address.sun_path - 1);
  const int client = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool out = ::connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(client);
  return out;
}

void SoftTpm::stop() {
  if (process_ <= 0) return;
  ::kill(process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
  process_ = -1;
}

void SoftTpm::suspend() { ::kill(process_, SIGSTOP); }

void SoftTpm::resume() { ::kill(process_, SIGCONT); }

void SoftTpm::restart_as_another_machine() {
  stop();
  for (const auto& entry : std::filesystem::directory_iterator(directory_.path())) {
    if (entry.path().filename().string().starts_with("tpm2-")) std::filesystem::remove(entry.path());
  }
  start();
}

void SoftTpm::extend_pcr(uint32_t index) {
  with_esys(tcti(), [&](ESYS_CONTEXT* esys) {
    TPML_DIGEST_VALUES values{};
    values.count = 1;
    values.digests[0].hashAlg = TPM2_ALG_SHA256;
    std::memset(&values.digests[0].digest, 0x5a, 32);
    return Esys_PCR_Extend(esys, ESYS_TR_PCR0 + index, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &values);
  });
}

void SoftTpm::set_owner_password(const std::string& password) {
  with_esys(tcti(), [&](ESYS_CONTEXT* esys) {
    TPM2B_AUTH auth{};
    auth.size = static_cast<UINT16>(password.size());
    std::memcpy(auth.buffer, password.data(), password.size());
    return Esys_HierarchyChangeAuth(esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &auth);
  });
}

}  // namespace coffer
