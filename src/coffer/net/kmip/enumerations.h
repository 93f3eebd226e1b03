// The enumerations of KMIP 1.0 to 2.1 whose values the client shows, in the specification's words (2.1 section 11; 1.4
// section 9.1.3.2 for what later versions reserve).
#pragma once

#include <charconv>
#include <cstdint>
#include <string_view>

namespace coffer::kmip {

struct EnumerationText {
  std::string_view tags;  // whose values it names, separated by |
  std::string_view
      members;  // numbered from 1 on, separated by |; "=…" continues from that hexadecimal number; empty: none
};

inline constexpr EnumerationText kEnumerations[] = {
    {"Cryptographic Algorithm",
     "DES|3DES|AES|RSA|DSA|ECDSA|HMAC-SHA1|HMAC-SHA224|HMAC-SHA256|HMAC-SHA384|HMAC-SHA512|HMAC-MD5|DH|ECDH|ECMQV|"
     "Blowfish|Camellia|CAST5|IDEA|MARS|RC2|RC4|RC5|SKIPJACK|Twofish|EC|One Time Pad|ChaCha20|Poly1305|"
     "ChaCha20Poly1305|SHA3-224|SHA3-256|SHA3-384|SHA3-512|HMAC-SHA3-224|HMAC-SHA3-256|HMAC-SHA3-384|HMAC-SHA3-512|"
     "SHAKE-128|SHAKE-256|ARIA|SEED|SM2|SM3|SM4|GOST R 34.10-2012|GOST R 34.11-2012|GOST R 34.13-2015|GOST 28147-89|"
     "XMSS|SPHINCS-256|McEliece|McEliece-6960119|McEliece-8192128|Ed25519|Ed448"},
    {"Operation",
     "Create|Create Key Pair|Register|Re-key|Derive Key|Certify|Re-certify|Locate|Check|Get|Get Attributes|"
     "Get Attribute List|Add Attribute|Modify Attribute|Delete Attribute|Obtain Lease|Get Usage Allocation|Activate|"
     "Revoke|Destroy|Archive|Recover|Validate|Query|Cancel|Poll|Notify|Put|Re-key Key Pair|Discover Versions|Encrypt|"
     "Decrypt|Sign|Signature Verify|MAC|MAC Verify|RNG Retrieve|RNG Seed|Hash|Create Split Key|Join Split Key|Import|"
     "Export|Log|Login|Logout|Delegated Login|Adjust Attribute|Set Attribute|Set Endpoint Role|PKCS#11|Interop|"
     "Re-Provision|Set Defaults|Set Constraints|Get Constraints|Query Asynchronous Requests|Process|Ping"},
    {"Result Reason",
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
     "=100|General Failure"},
    {"State", "Pre-Active|Active|Deactivated|Compromised|Destroyed|Destroyed Compromised"},
};

template <class Each>
void split(std::string_view text, char separator, const Each& each) {
  while (true) {
    const size_t end = text.find(separator);
    each(text.substr(0, end));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

// each(value, name) for every member that has a name.
template <class Each>
void each_member(const EnumerationText& enumeration, const Each& each) {
  uint32_t value = 1;
  split(enumeration.members, '|', [&](std::string_view member) {
    if (member.starts_with('=')) {
      std::from_chars(member.data() + 1, member.data() + member.size(), value, 16);
      return;
    }
    if (!member.empty()) each(value, member);
    ++value;
  });
}

}  // namespace coffer::kmip
