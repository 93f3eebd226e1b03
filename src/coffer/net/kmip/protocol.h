// The versions of KMIP, and the numbers that the client sends or acts on and nobody calls by their names.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>

namespace coffer::kmip {

struct ProtocolVersion {
  int32_t major = 1;
  int32_t minor = 0;

  auto operator<=>(const ProtocolVersion&) const = default;
  std::string text() const { return std::to_string(major) + "." + std::to_string(minor); }
};

inline constexpr ProtocolVersion kKmip10{1, 0};
inline constexpr ProtocolVersion kKmip13{1, 3};
inline constexpr ProtocolVersion kKmip14{1, 4};
inline constexpr ProtocolVersion kKmip20{2, 0};
inline constexpr ProtocolVersion kKmip21{2, 1};
// All that the client speaks, the preferred one first: 1.4 has everything Coffer needs and is what servers know best.
inline constexpr std::array<ProtocolVersion, 7> kVersionsByPreference = {kKmip14, kKmip21, kKmip20, kKmip13,
                                                                         {1, 2},  {1, 1},  kKmip10};

enum class ResultStatus : uint32_t { kSuccess = 0, kFailed = 1, kPending = 2 };

enum class ObjectType : uint32_t { kSymmetricKey = 2 };
enum class State : uint32_t {
  kPreActive = 1,
  kActive = 2,
  kDeactivated = 3,
  kCompromised = 4,
  kDestroyed = 5,
  kDestroyedCompromised = 6,
};
enum class CryptographicAlgorithm : uint32_t { kAes = 3 };
enum class BlockCipherMode : uint32_t { kGcm = 9 };
enum class QueryFunction : uint32_t { kQueryOperations = 1, kQueryServerInformation = 3 };
enum class RevocationReason : uint32_t { kKeyCompromise = 2, kCessation = 6 };
enum class BatchErrorContinuation : uint32_t { kContinue = 1 };

inline constexpr uint32_t kNameIsText = 1;

inline constexpr int32_t kUsageEncrypt = 0x04;
inline constexpr int32_t kUsageDecrypt = 0x08;
inline constexpr int32_t kUsageWrapKey = 0x10;
inline constexpr int32_t kUsageUnwrapKey = 0x20;

}  // namespace coffer::kmip
