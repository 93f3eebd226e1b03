#include "coffer/files/mapped_reads.h"

#include <sys/resource.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csetjmp>
#include <csignal>
#include <cstring>
#include <ctime>
#include <mutex>

namespace coffer {
namespace {

// What statfs() calls the local file systems. overlayfs keeps what is written on one of them.
constexpr std::array<uint32_t, 8> kLocalFileSystems = {
    0xEF53,      // ext2, ext3, ext4
    0x58465342,  // xfs
    0x9123683E,  // btrfs
    0xF2F52010,  // f2fs
    0x2FC12FC1,  // zfs
    0xCA451A4E,  // bcachefs
    0x01021994,  // tmpfs
    0x794C7630,  // overlayfs
};

constexpr int kMappingsMax = 16'384;
constexpr int64_t kRestNs = 1'000'000'000;
// Fewer reads say nothing. More than one of kReadsPerFault that waits for the disk makes pread the better way.
constexpr uint32_t kReadsToJudge = 16;
constexpr uint32_t kReadsPerFault = 8;

struct Guard {
  const uint8_t* begin;
  const uint8_t* end;
  sigjmp_buf jump;
};

// Initial-exec, because a signal handler must not be the one that has the variable allocated.
[[gnu::tls_model("initial-exec")]] thread_local Guard* current_guard = nullptr;

struct sigaction previous_action;
std::mutex install_mutex;
std::atomic<int> mapping_count{0};
std::atomic<bool> standing{false};
std::atomic<int64_t> resting_until_ns{0};

void pass_on(int signal, siginfo_t* info, void* context) {
  if ((previous_action.sa_flags & SA_SIGINFO) != 0) return previous_action.sa_sigaction(signal, info, context);
  if (previous_action.sa_handler != SIG_DFL && previous_action.sa_handler != SIG_IGN) {
    return previous_action.sa_handler(signal);
  }
  // The instruction is tried again on return, and now ends the process as if we had never been here.
  std::signal(signal, SIG_DFL);
}

void on_bus_error(int signal, siginfo_t* info, void* context) {
  Guard* guard = current_guard;
  const auto* address = static_cast<const uint8_t*>(info->si_addr);
  if (guard != nullptr && address >= guard->begin && address < guard->end) siglongjmp(guard->jump, 1);
  pass_on(signal, info, context);
}

struct sigaction present_action() {
  struct sigaction action {};
  sigaction(SIGBUS, nullptr, &action);
  return action;
}

bool is_ours(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == on_bus_error;
}

bool is_nobodys(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == SIG_DFL;
}

int64_t coarse_now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// What a thread has seen since it last judged.
struct Look {
  int64_t at_ns = 0;
  uint32_t reads = 0;
  long major_faults = -1;  // of the thread so far; -1: not asked yet
};

void judge_faults(Look& look) {
  rusage usage{};
  if (getrusage(RUSAGE_THREAD, &usage) != 0) return;
  const long faults = look.major_faults < 0 ? 0 : usage.ru_majflt - look.major_faults;
  if (faults * kReadsPerFault > look.reads) {
    resting_until_ns.store(look.at_ns + kRestNs, std::memory_order_relaxed);
  }
  look.major_faults = usage.ru_majflt;
  look.reads = 0;
}

}  // namespace

std::string_view why_not_mapped(const std::string& path) {
  if (sizeof(void*) < 8) return "the address space has 32 bits";
  struct statfs info {};
  if (statfs(path.c_str(), &info) != 0) return "its file system cannot be asked what it is";
  const auto type = static_cast<uint32_t>(info.f_type);
  if (std::ranges::find(kLocalFileSystems, type) != kLocalFileSystems.end()) return {};
  return "its file system is not local, or not known";
}

bool take_mapping() {
  if (mapping_count.fetch_add(1, std::memory_order_relaxed) < kMappingsMax) return true;
  give_mapping_back();
  return false;
}

void give_mapping_back() { mapping_count.fetch_sub(1, std::memory_order_relaxed); }

bool BusGuard::install(bool over_others) {
  static bool installed = false;
  std::lock_guard lock(install_mutex);
  const struct sigaction present = present_action();
  // Once only over another's: one that came after ours may call ours, and ours it.
  if (!is_ours(present) && (is_nobodys(present) || (over_others && !installed))) {
    previous_action = present;
    struct sigaction action {};
    action.sa_sigaction = on_bus_error;
    // Not deferred: the handler leaves by a jump that restores no signal mask.
    action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, nullptr);
    installed = true;
  }
  const bool stands = is_ours(present_action());
  standing.store(stands, std::memory_order_relaxed);
  return stands;
}

bool BusGuard::mapped_reads_are_good(bool cold_too) {
  thread_local Look look;
  const int64_t now_ns = coarse_now_ns();
  ++look.reads;
  if (now_ns != look.at_ns) [[unlikely]] {
    look.at_ns = now_ns;
    standing.store(is_ours(present_action()), std::memory_order_relaxed);
    if (look.major_faults < 0 || look.reads >= kReadsToJudge) judge_faults(look);
  }
  return standing.load(std::memory_order_relaxed) &&
         (cold_too || now_ns >= resting_until_ns.load(std::memory_order_relaxed));
}

std::string_view BusGuard::why_not() {
  if (!is_ours(present_action())) return "the program has a SIGBUS handler of its own";
  if (coarse_now_ns() < resting_until_ns.load(std::memory_order_relaxed)) return "many pages are not in memory";
  return {};
}

bool guarded_copy(uint8_t* out, const uint8_t* mapped, size_t size) {
  Guard guard{mapped, mapped + size, {}};
  if (sigsetjmp(guard.jump, 0) != 0) {
    current_guard = nullptr;
    return false;
  }
  current_guard = &guard;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  std::memmove(out, mapped, size);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  current_guard = nullptr;
  return true;
}

}  // namespace coffer
