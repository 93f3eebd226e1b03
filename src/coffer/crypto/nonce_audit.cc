#include "coffer/crypto/nonce_audit.h"

#ifdef COFFER_NONCE_AUDIT

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "coffer/crypto/openssl.h"

namespace coffer {
namespace {

constexpr size_t kFingerprintSize = 16;
constexpr size_t kRecordSize = 2 * kFingerprintSize;
constexpr size_t kWindowSize = size_t{1} << 20;

const char* audit_folder() { return std::getenv("COFFER_NONCE_AUDIT_DIR"); }

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::abort();  // an audit that misses records would pass for nothing
}

// The process's file, mapped a window at a time: what was stored there survives even a kill -9. Zeros follow the last
// record.
class AuditFile {
 public:
  void append(const uint8_t* record) {
    if (owner_ != getpid()) open_for_this_process();
    if (at_ == kWindowSize) map_next_window();
    std::memcpy(window_ + at_, record, kRecordSize);
    at_ += kRecordSize;
  }

 private:
  // After a fork the mapping is the parent's, who goes on writing to it.
  void open_for_this_process() {
    owner_ = getpid();
    std::string path = std::string(audit_folder()) + "/" + std::to_string(owner_);
    if (file_ >= 0) close(file_);
    file_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct stat info;
    if (file_ < 0 || fstat(file_, &info) != 0) fail(path.c_str());
    // An earlier process may have had this id: its windows stay.
    end_ = info.st_size;
    map_next_window();
  }

  void map_next_window() {
    if (window_ != nullptr) munmap(window_, kWindowSize);
    off_t begin = end_;
    end_ += static_cast<off_t>(kWindowSize);
    if (ftruncate(file_, end_) != 0) fail("nonce audit: ftruncate");
    void* window = mmap(nullptr, kWindowSize, PROT_READ | PROT_WRITE, MAP_SHARED, file_, begin);
    if (window == MAP_FAILED) fail("nonce audit: mmap");
    window_ = static_cast<uint8_t*>(window);
    at_ = 0;
  }

  pid_t owner_ = 0;
  int file_ = -1;
  off_t end_ = 0;
  uint8_t* window_ = nullptr;
  size_t at_ = 0;
};

std::mutex audit_mutex;

AuditFile& audit_file() {
  // A thread may be appending while another forks: the child must not inherit a locked mutex or half a state.
  static AuditFile* file = [] {
    pthread_atfork([] { audit_mutex.lock(); }, [] { audit_mutex.unlock(); }, [] { audit_mutex.unlock(); });
    return new AuditFile;
  }();
  return *file;
}

void fingerprint(std::initializer_list<ByteView> parts, uint8_t* out) {
  uint8_t hash[EVP_MAX_MD_SIZE];
  const DigestContext context(EVP_MD_CTX_new());
  bool good = context != nullptr && EVP_DigestInit_ex2(context.get(), openssl_algorithms().sha256, nullptr) == 1;
  for (ByteView part : parts) good = good && EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1;
  if (!good || EVP_DigestFinal_ex(context.get(), hash, nullptr) != 1) openssl_failed("SHA-256");
  std::memcpy(out, hash, kFingerprintSize);
}

}  // namespace

bool nonce_audit_enabled() { return audit_folder() != nullptr; }

void audit_nonce(ByteView key, ByteView nonce, std::initializer_list<ByteView> message) {
  if (!nonce_audit_enabled()) return;
  uint8_t record[kRecordSize];
  fingerprint({key, nonce}, record);
  fingerprint(message, record + kFingerprintSize);
  AuditFile& file = audit_file();
  std::lock_guard lock(audit_mutex);
  file.append(record);
}

}  // namespace coffer

#endif
