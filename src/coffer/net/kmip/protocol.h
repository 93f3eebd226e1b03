// The numbers of KMIP that the client acts on. Their names, and all the others, are in names.h.
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

enum class Operation : uint32_t {
  kCreate = 0x01,
  kRegister = 0x03,
  kLocate = 0x08,
  kGet = 0x0A,
  kGetAttributes = 0x0B,
  kAddAttribute = 0x0D,
  kModifyAttribute = 0x0E,
  kActivate = 0x12,
  kRevoke = 0x13,
  kDestroy = 0x14,
  kQuery = 0x18,
  kDiscoverVersions = 0x1E,
  kEncrypt = 0x1F,
  kDecrypt = 0x20,
  kSetAttribute = 0x31,
};

enum class ResultStatus : uint32_t { kSuccess = 0, kFailed = 1, kPending = 2, kUndone = 3 };

enum class ResultReason : uint32_t {
  kNone = 0,
  kItemNotFound = 0x01,
  kResponseTooLarge = 0x02,
  kAuthenticationNotSuccessful = 0x03,
  kInvalidMessage = 0x04,
  kOperationNotSupported = 0x05,
  kInvalidField = 0x07,
  kFeatureNotSupported = 0x08,
  kCryptographicFailure = 0x0A,
  kIllegalOperation = 0x0B,
  kPermissionDenied = 0x0C,
  kObjectArchived = 0x0D,
  kAttestationRequired = 0x14,
  kAttestationFailed = 0x15,
  kSensitive = 0x16,
  kNotExtractable = 0x17,
  kObjectAlreadyExists = 0x18,
  kInvalidTicket = 0x19,
  kUnsupportedAttribute = 0x1F,
  kBadPassword = 0x25,
  kNonUniqueNameAttribute = 0x35,
  kObjectDestroyed = 0x36,
  kObjectNotFound = 0x37,
  kNotAuthorised = 0x39,
  kUnsupportedCryptographicParameters = 0x3E,
  kUnsupportedProtocolVersion = 0x3F,
  kWrongKeyLifecycleState = 0x43,
};

enum class ObjectType : uint32_t { kSymmetricKey = 2 };
enum class State : uint32_t {
  kPreActive = 1,
  kActive = 2,
  kDeactivated = 3,
  kCompromised = 4,
  kDestroyed = 5,
  kDestroyedCompromised = 6,
};
enum class KeyFormat : uint32_t { kRaw = 1, kTransparentSymmetricKey = 7 };
enum class CryptographicAlgorithm : uint32_t { kTripleDes = 2, kAes = 3 };
enum class BlockCipherMode : uint32_t { kGcm = 9 };
enum class QueryFunction : uint32_t { kOperations = 1, kObjects = 2, kServerInformation = 3 };
enum class RevocationReason : uint32_t { kUnspecified = 1, kKeyCompromise = 2, kSuperseded = 5, kCessation = 6 };
enum class BatchErrorContinuation : uint32_t { kContinue = 1, kStop = 2 };

inline constexpr uint32_t kNameIsText = 1;

inline constexpr int32_t kUsageEncrypt = 0x04;
inline constexpr int32_t kUsageDecrypt = 0x08;
inline constexpr int32_t kUsageWrapKey = 0x10;
inline constexpr int32_t kUsageUnwrapKey = 0x20;

}  // namespace coffer::kmip
