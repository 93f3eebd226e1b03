// The words and numbers of KMIP 1.0 to 2.1 that the client uses, as the specification has them (2.1 section 11; 1.4
// section 9.1.3 for those that later versions reserve). Each stands once; code writes "Unique Identifier"_tag.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "coffer/base/text.h"

namespace coffer::kmip {

// Lists: numbered from 1 on, separated by |; "=…" continues from that hexadecimal number; empty: none.

// An attribute's tag bears the attribute's name, which is what protocol 1.x sends.
inline constexpr std::string_view kTags =
    "=420001|Activation Date|=420008|Attribute||Attribute Name|Attribute Value||Batch Count|"
    "Batch Error Continuation Option|Batch Item|Batch Order Option|Block Cipher Mode|=420021|"
    "Compromise Occurrence Date|=420028|Cryptographic Algorithm||Cryptographic Length|Cryptographic Parameters|"
    "Cryptographic Usage Mask|||Deactivation Date|=420033|Destroy Date|=420039|Initial Date|=42003D|"
    "IV/Counter/Nonce||Key|Key Block|||Key Material||Key Value|Key Wrapping Data|=42004A|Link|Link Type|Linked Object "
    "Identifier|=42004F|Maximum Items|"
    "Maximum Response Size|||Name|Name Type|Name Value|Object Group|Object Type|=42005C|Operation|"
    "Operation Policy Name|=420068|Protect Stop Date|Protocol Version|Protocol Version Major|"
    "Protocol Version Minor|=420074|Query Function|||Request Header|Request Message|Request Payload|"
    "Response Header|Response Message|Response Payload|Result Message|Result Reason|Result Status|"
    "Revocation Message|Revocation Reason|Revocation Reason Code|=42008D|State||Symmetric Key||Template-Attribute||"
    "Unique Batch Item ID|Unique Identifier|=42009D|Vendor Identification|=4200C2|Data|=4200CD|IV Length|"
    "Tag Length|=4200D4|Offset Items|=4200FE|Authenticated Encryption Additional Data|Authenticated Encryption Tag|"
    "=420125|Attributes|=42013B|Attribute Reference||New Attribute";
inline constexpr std::string_view kTypes =
    "Structure|Integer|Long Integer|Big Integer|Enumeration|Boolean|Text String|Byte String|Date Time|Interval|"
    "Date Time Extended";
inline constexpr std::string_view kAlgorithms =
    "DES|3DES|AES|RSA|DSA|ECDSA|HMAC-SHA1|HMAC-SHA224|HMAC-SHA256|HMAC-SHA384|HMAC-SHA512|HMAC-MD5|DH|ECDH|ECMQV|"
    "Blowfish|Camellia|CAST5|IDEA|MARS|RC2|RC4|RC5|SKIPJACK|Twofish|EC|One Time Pad|ChaCha20|Poly1305|"
    "ChaCha20Poly1305|SHA3-224|SHA3-256|SHA3-384|SHA3-512|HMAC-SHA3-224|HMAC-SHA3-256|HMAC-SHA3-384|HMAC-SHA3-512|"
    "SHAKE-128|SHAKE-256|ARIA|SEED|SM2|SM3|SM4|GOST R 34.10-2012|GOST R 34.11-2012|GOST R 34.13-2015|GOST 28147-89|"
    "XMSS|SPHINCS-256|McEliece|McEliece-6960119|McEliece-8192128|Ed25519|Ed448";
inline constexpr std::string_view kOperations =
    "Create|Create Key Pair|Register|Re-key|Derive Key|Certify|Re-certify|Locate|Check|Get|Get Attributes|"
    "Get Attribute List|Add Attribute|Modify Attribute|Delete Attribute|Obtain Lease|Get Usage Allocation|Activate|"
    "Revoke|Destroy|Archive|Recover|Validate|Query|Cancel|Poll|Notify|Put|Re-key Key Pair|Discover Versions|Encrypt|"
    "Decrypt|Sign|Signature Verify|MAC|MAC Verify|RNG Retrieve|RNG Seed|Hash|Create Split Key|Join Split Key|Import|"
    "Export|Log|Login|Logout|Delegated Login|Adjust Attribute|Set Attribute|Set Endpoint Role|PKCS#11|Interop|"
    "Re-Provision|Set Defaults|Set Constraints|Get Constraints|Query Asynchronous Requests|Process|Ping";
inline constexpr std::string_view kResultReasons =
    "Item Not Found|Response Too Large|Authentication Not Successful|Invalid Message|Operation Not Supported|"
    "Missing Data|Invalid Field|Feature Not Supported|Operation Canceled By Requester|Cryptographic Failure|"
    "Illegal Operation|Permission Denied|Object Archived|Index Out of Bounds|Application Namespace Not Supported|"
    "Key Format Type Not Supported|Key Compression Type Not Supported|Encoding Option Error|Key Value Not Present|"
    "Attestation Required|Attestation Failed|Sensitive|Not Extractable|Object Already Exists|Invalid Ticket|"
    "Usage Limit Exceeded|Numeric Range|Invalid Data Type|Read Only Attribute|Multi Valued Attribute|"
    "Unsupported Attribute|Attribute Instance Not Found|Attribute Not Found|Attribute Read Only|"
    "Attribute Single Valued|Bad Cryptographic Parameters|Bad Password|Codec Error||Illegal Object Type|"
    "Incompatible Cryptographic Usage Mask|Internal Server Error|Invalid Asynchronous Correlation Value|"
    "Invalid Attribute|Invalid Attribute Value|Invalid Correlation Value|Invalid CSR|Invalid Object Type||"
    "Key Wrap Type Not Supported||Missing Initialization Vector|Non Unique Name Attribute|Object Destroyed|"
    "Object Not Found||Not Authorised|Server Limit Exceeded|Unknown Enumeration|Unknown Message Extension|Unknown Tag|"
    "Unsupported Cryptographic Parameters|Unsupported Protocol Version|Wrapping Object Archived|"
    "Wrapping Object Destroyed|Wrapping Object Not Found|Wrong Key Lifecycle State|Protection Storage Unavailable|"
    "PKCS#11 Codec Error|PKCS#11 Invalid Function|PKCS#11 Invalid Interface|Private Protection Storage Unavailable|"
    "Public Protection Storage Unavailable|Unknown Object Group|Constraint Violation|Duplicate Process Request|"
    "=100|General Failure";
inline constexpr std::string_view kStates = "Pre-Active|Active|Deactivated|Compromised|Destroyed|Destroyed Compromised";

template <class Each>
constexpr void split(std::string_view text, char separator, const Each& each) {
  while (true) {
    const size_t end = text.find(separator);
    each(text.substr(0, end));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

// each(value, name) for every member of a list that has a name.
template <class Each>
constexpr void each_member(std::string_view members, const Each& each) {
  uint32_t value = 1;
  split(members, '|', [&](std::string_view member) {
    if (member.starts_with('=')) {
      value = 0;
      for (const char digit : member.substr(1)) value = value * 16 + static_cast<uint32_t>(hex_digit(digit));
      return;
    }
    if (!member.empty()) each(value, member);
    ++value;
  });
}

constexpr std::optional<uint32_t> number_in(std::string_view members, std::string_view name) {
  std::optional<uint32_t> out;
  each_member(members, [&](uint32_t value, std::string_view known) {
    if (known == name) out = value;
  });
  return out;
}
// Empty when it has none.
constexpr std::string_view name_in(std::string_view members, uint32_t number) {
  std::string_view out;
  each_member(members, [&](uint32_t value, std::string_view name) {
    if (value == number) out = name;
  });
  return out;
}

// Any 24-bit number may come from a peer as a tag, and any of 32 bits as the others.
enum class Tag : uint32_t {};
enum class Operation : uint32_t {};
enum class ResultReason : uint32_t {};

// Clang 14 calls it at run time even so, and then does not find it.
#if defined(__clang__) && __clang_major__ < 15
#define COFFER_KMIP_CONSTEVAL constexpr
#else
#define COFFER_KMIP_CONSTEVAL consteval
#endif

COFFER_KMIP_CONSTEVAL Tag operator""_tag(const char* name, size_t size) {
  return static_cast<Tag>(number_in(kTags, {name, size}).value());
}
COFFER_KMIP_CONSTEVAL Operation operator""_operation(const char* name, size_t size) {
  return static_cast<Operation>(number_in(kOperations, {name, size}).value());
}
COFFER_KMIP_CONSTEVAL ResultReason operator""_reason(const char* name, size_t size) {
  return static_cast<ResultReason>(number_in(kResultReasons, {name, size}).value());
}

enum class ItemType : uint8_t {
  kStructure = 1,
  kInteger = 2,
  kLongInteger = 3,
  kBigInteger = 4,
  kEnumeration = 5,
  kBoolean = 6,
  kTextString = 7,
  kByteString = 8,
  kDateTime = 9,
  kInterval = 10,
  kDateTimeExtended = 11,
};

constexpr uint32_t number(Tag tag) { return static_cast<uint32_t>(tag); }
// KMIP's own tags, and those for extensions.
constexpr bool is_known_range(Tag tag) { return number(tag) >> 16 == 0x42 || number(tag) >> 16 == 0x54; }

// Empty for what has no name here.
constexpr std::string_view tag_name(Tag tag) { return name_in(kTags, number(tag)); }
constexpr std::string_view type_name(ItemType type) { return name_in(kTypes, static_cast<uint32_t>(type)); }

std::string hex_number(uint32_t value, int digits);  // "0x…", in capitals
// For people: the name in that list, or the number as 0x… when there is none.
std::string describe(std::string_view members, uint32_t number, int digits = 8);
template <class Enumeration>
std::string describe(std::string_view members, Enumeration value) {
  return describe(members, static_cast<uint32_t>(value));
}
inline std::string describe(Tag tag) { return describe(kTags, number(tag), 6); }
inline std::string describe(Operation operation) { return describe(kOperations, operation); }

}  // namespace coffer::kmip
