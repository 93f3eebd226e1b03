// What tests may do to a PKCS#11 module that stands between the provider and SoftHSM: the weather of real tokens.
#pragma once

#include <atomic>

namespace coffer {

struct TokenFaults {
  std::atomic<bool> absent{false};          // no token in any slot
  std::atomic<bool> absent_until_finalized{false};
  std::atomic<int> sessions_to_lose{0};     // so many wrappings meet a session that is gone
  std::atomic<bool> finalized_once{false};  // somebody else finalised the module
  std::atomic<bool> no_gcm{false};
  std::atomic<bool> wraps_by_encrypting{false};  // key wrap is there for C_Encrypt, not for C_WrapKey
  std::atomic<bool> own_iv{false};               // AES-GCM takes an IV of its own
  std::atomic<bool> no_check_values{false};
  std::atomic<bool> device_error{false};  // wrapping and unwrapping fail, for no fault of the data
  std::atomic<bool> cannot_lock{false};
  std::atomic<bool> pin_locked{false};
  std::atomic<bool> pin_final_try{false};
  std::atomic<int> stall_ms{0};

  std::atomic<int> logins{0};  // counted
  std::atomic<int> initializations{0};
  std::atomic<int> finalizations{0};

  void clear() {
    for (std::atomic<bool>* fault : {&absent, &absent_until_finalized, &finalized_once, &no_gcm, &wraps_by_encrypting,
                                     &own_iv, &no_check_values, &device_error, &cannot_lock, &pin_locked,
                                     &pin_final_try}) {
      *fault = false;
    }
    sessions_to_lose = stall_ms = logins = initializations = finalizations = 0;
  }
};

// Exported by the module.
extern "C" TokenFaults* coffer_token_faults();

}  // namespace coffer
