// One NV index of a TPM: a counter, or a few bytes.
#pragma once

#include <optional>

#include "coffer/providers/tpm/device.h"

namespace coffer::tpm {

inline constexpr uint16_t kNvCounterSize = 8;

enum class NvKind {
  kCounter,  // only ever goes up, even when it is removed and made anew
  kOnce,     // written once, then locked for good
  kRecord,   // written as a whole
};

class NvIndex {
 public:
  // Looks whether it is there; `password` is the index's own.
  static Result<NvIndex> open(const Device& device, uint32_t index, const SecretBytes& password);

  bool exists() const { return handle_ != ESYS_TR_NONE; }
  // REQUIRES: !exists()
  Status define(NvKind kind, uint16_t size, const SecretBytes& owner_password);
  // REQUIRES for the functions that follow: exists()
  Status remove(const SecretBytes& owner_password);
  Status increment();
  Result<uint64_t> count();
  Status write(ByteView bytes);
  Status lock();
  Result<Bytes> read(uint16_t size);

 private:
  NvIndex(const Device& device, uint32_t index, SecretBytes auth)
      : device_(device), index_(index), auth_(std::move(auth)) {}
  Status find();
  ESYS_TR handle() const;
  // Runs `command` in a session of its own, whose answers the TPM authenticates.
  template <class Command>
  Status in_session(std::string_view what, Command command);

  const Device& device_;
  const uint32_t index_;
  SecretBytes auth_;
  ESYS_TR handle_ = ESYS_TR_NONE;
};

}  // namespace coffer::tpm
