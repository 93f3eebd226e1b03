#include "coffer/files/guarded_copy.h"

#include <atomic>
#include <csetjmp>
#include <csignal>
#include <cstring>
#include <mutex>

namespace coffer {
namespace {

struct Guard {
  const uint8_t* begin;
  const uint8_t* end;
  sigjmp_buf jump;
};

// Initial-exec, because a signal handler must not be the one that has the variable allocated.
[[gnu::tls_model("initial-exec")]] thread_local Guard* current_guard = nullptr;

struct sigaction previous_action;

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

void install_handler() {
  struct sigaction action {};
  action.sa_sigaction = on_bus_error;
  // Not deferred: the handler leaves by a jump that restores no signal mask.
  action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, &previous_action);
}

}  // namespace

bool guarded_copy(uint8_t* out, const uint8_t* mapped, size_t size) {
  static std::once_flag installed;
  std::call_once(installed, install_handler);
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
