// The tags of KMIP 1.0 to 2.1 in the words of the specification (2.1 section 11.59; 1.4 section 9.1.3.1 for those that
// later versions reserve), by number from kTagFirst on; "" where no version names one. The client's own names.h has
// those that it uses.
#pragma once

#include <array>

#include "coffer/net/kmip/names.h"

namespace coffer::kmip {

inline constexpr uint32_t kTagFirst = 0x420001;

inline constexpr std::array<std::string_view, 374> kTagNames = {
    // 420001
    "Activation Date", "Application Data", "Application Namespace", "Application Specific Information", "Archive Date",
    "Asynchronous Correlation Value", "Asynchronous Indicator", "Attribute", "Attribute Index", "Attribute Name",
    "Attribute Value", "Authentication", "Batch Count", "Batch Error Continuation Option", "Batch Item",
    // 420010
    "Batch Order Option", "Block Cipher Mode", "Cancellation Result", "Certificate", "Certificate Identifier",
    "Certificate Issuer", "Certificate Issuer Alternative Name", "Certificate Issuer Distinguished Name",
    "Certificate Request", "Certificate Request Type", "Certificate Subject", "Certificate Subject Alternative Name",
    "Certificate Subject Distinguished Name", "Certificate Type", "Certificate Value", "Common Template-Attribute",
    // 420020
    "Compromise Date", "Compromise Occurrence Date", "Contact Information", "Credential", "Credential Type",
    "Credential Value", "Criticality Indicator", "CRT Coefficient", "Cryptographic Algorithm",
    "Cryptographic Domain Parameters", "Cryptographic Length", "Cryptographic Parameters", "Cryptographic Usage Mask",
    "Custom Attribute", "D", "Deactivation Date",
    // 420030
    "Derivation Data", "Derivation Method", "Derivation Parameters", "Destroy Date", "Digest", "Digest Value",
    "Encryption Key Information", "G", "Hashing Algorithm", "Initial Date", "Initialization Vector", "Issuer",
    "Iteration Count", "IV/Counter/Nonce", "J", "Key",
    // 420040
    "Key Block", "Key Compression Type", "Key Format Type", "Key Material", "Key Part Identifier", "Key Value",
    "Key Wrapping Data", "Key Wrapping Specification", "Last Change Date", "Lease Time", "Link", "Link Type",
    "Linked Object Identifier", "MAC/Signature", "MAC/Signature Key Information", "Maximum Items",
    // 420050
    "Maximum Response Size", "Message Extension", "Modulus", "Name", "Name Type", "Name Value", "Object Group",
    "Object Type", "Offset", "Opaque Data Type", "Opaque Data Value", "Opaque Object", "Operation",
    "Operation Policy Name", "P", "Padding Method",
    // 420060
    "Prime Exponent P", "Prime Exponent Q", "Prime Field Size", "Private Exponent", "Private Key",
    "Private Key Template-Attribute", "Private Key Unique Identifier", "Process Start Date", "Protect Stop Date",
    "Protocol Version", "Protocol Version Major", "Protocol Version Minor", "Public Exponent", "Public Key",
    "Public Key Template-Attribute", "Public Key Unique Identifier",
    // 420070
    "Put Function", "Q", "Q String", "Qlength", "Query Function", "Recommended Curve", "Replaced Unique Identifier",
    "Request Header", "Request Message", "Request Payload", "Response Header", "Response Message", "Response Payload",
    "Result Message", "Result Reason", "Result Status",
    // 420080
    "Revocation Message", "Revocation Reason", "Revocation Reason Code", "Key Role Type", "Salt", "Secret Data",
    "Secret Data Type", "Serial Number", "Server Information", "Split Key", "Split Key Method", "Split Key Parts",
    "Split Key Threshold", "State", "Storage Status Mask", "Symmetric Key",
    // 420090
    "Template", "Template-Attribute", "Time Stamp", "Unique Batch Item ID", "Unique Identifier", "Usage Limits",
    "Usage Limits Count", "Usage Limits Total", "Usage Limits Unit", "Username", "Validity Date", "Validity Indicator",
    "Vendor Extension", "Vendor Identification", "Wrapping Method", "X",
    // 4200A0
    "Y", "Password", "Device Identifier", "Encoding Option", "Extension Information", "Extension Name", "Extension Tag",
    "Extension Type", "Fresh", "Machine Identifier", "Media Identifier", "Network Identifier", "Object Group Member",
    "Certificate Length", "Digital Signature Algorithm", "Certificate Serial Number",
    // 4200B0
    "Device Serial Number", "Issuer Alternative Name", "Issuer Distinguished Name", "Subject Alternative Name",
    "Subject Distinguished Name", "X.509 Certificate Identifier", "X.509 Certificate Issuer",
    "X.509 Certificate Subject", "Key Value Location", "Key Value Location Value", "Key Value Location Type",
    "Key Value Present", "Original Creation Date", "PGP Key", "PGP Key Version", "Alternative Name",
    // 4200C0
    "Alternative Name Value", "Alternative Name Type", "Data", "Signature Data", "Data Length", "Random IV", "MAC Data",
    "Attestation Type", "Nonce", "Nonce ID", "Nonce Value", "Attestation Measurement", "Attestation Assertion",
    "IV Length", "Tag Length", "Fixed Field Length",
    // 4200D0
    "Counter Length", "Initial Counter Value", "Invocation Field Length", "Attestation Capable Indicator",
    "Offset Items", "Located Items", "Correlation Value", "Init Indicator", "Final Indicator", "RNG Parameters",
    "RNG Algorithm", "DRBG Algorithm", "FIPS186 Variation", "Prediction Resistance", "Random Number Generator",
    "Validation Information",
    // 4200E0
    "Validation Authority Type", "Validation Authority Country", "Validation Authority URI", "Validation Version Major",
    "Validation Version Minor", "Validation Type", "Validation Level", "Validation Certificate Identifier",
    "Validation Certificate URI", "Validation Vendor URI", "Validation Profile", "Profile Information", "Profile Name",
    "Server URI", "Server Port", "Streaming Capability",
    // 4200F0
    "Asynchronous Capability", "Attestation Capability", "Unwrap Mode", "Destroy Action", "Shredding Algorithm",
    "RNG Mode", "Client Registration Method", "Capability Information", "Key Wrap Type", "Batch Undo Capability",
    "Batch Continue Capability", "PKCS#12 Friendly Name", "Description", "Comment",
    "Authenticated Encryption Additional Data", "Authenticated Encryption Tag",
    // 420100
    "Salt Length", "Mask Generator", "Mask Generator Hashing Algorithm", "P Source", "Trailer Field",
    "Client Correlation Value", "Server Correlation Value", "Digested Data", "Certificate Subject CN",
    "Certificate Subject O", "Certificate Subject OU", "Certificate Subject Email", "Certificate Subject C",
    "Certificate Subject ST", "Certificate Subject L", "Certificate Subject UID",
    // 420110
    "Certificate Subject Serial Number", "Certificate Subject Title", "Certificate Subject DC",
    "Certificate Subject DN Qualifier", "Certificate Issuer CN", "Certificate Issuer O", "Certificate Issuer OU",
    "Certificate Issuer Email", "Certificate Issuer C", "Certificate Issuer ST", "Certificate Issuer L",
    "Certificate Issuer UID", "Certificate Issuer Serial Number", "Certificate Issuer Title", "Certificate Issuer DC",
    "Certificate Issuer DN Qualifier",
    // 420120
    "Sensitive", "Always Sensitive", "Extractable", "Never Extractable", "Replace Existing", "Attributes",
    "Common Attributes", "Private Key Attributes", "Public Key Attributes", "Extension Enumeration",
    "Extension Attribute", "Extension Parent Structure Tag", "Extension Description", "Server Name",
    "Server Serial Number", "Server Version",
    // 420130
    "Server Load", "Product Name", "Build Level", "Build Date", "Cluster Info", "Alternate Failover Endpoints",
    "Short Unique Identifier", "Reserved", "Tag", "Certificate Request Unique Identifier", "NIST Key Type",
    "Attribute Reference", "Current Attribute", "New Attribute", "", "",
    // 420140
    "Certificate Request Value", "Log Message", "Profile Version", "Profile Version Major", "Profile Version Minor",
    "Protection Level", "Protection Period", "Quantum Safe", "Quantum Safe Capability", "Ticket", "Ticket Type",
    "Ticket Value", "Request Count", "Rights", "Objects", "Operations",
    // 420150
    "Right", "Endpoint Role", "Defaults Information", "Object Defaults", "Ephemeral", "Server Hashed Password",
    "One Time Password", "Hashed Password", "Adjustment Type", "PKCS#11 Interface", "PKCS#11 Function",
    "PKCS#11 Input Parameters", "PKCS#11 Output Parameters", "PKCS#11 Return Code", "Protection Storage Mask",
    "Protection Storage Masks",
    // 420160
    "Interop Function", "Interop Identifier", "Adjustment Value", "Common Protection Storage Masks",
    "Private Protection Storage Masks", "Public Protection Storage Masks", "Object Groups", "Object Types",
    "Constraints", "Constraint", "Rotate Interval", "Rotate Automatic", "Rotate Offset", "Rotate Date",
    "Rotate Generation", "Rotate Name",
    // 420170
    "Rotate Name Value", "Rotate Name Type", "Rotate Latest", "Asynchronous Request", "Submission Date",
    "Processing Stage", "Asynchronous Correlation Values"};

constexpr std::string_view spec_name(Tag tag) {
  const uint32_t index = number(tag) - kTagFirst;
  return number(tag) >= kTagFirst && index < kTagNames.size() ? kTagNames[index] : std::string_view();
}

constexpr std::optional<Tag> spec_tag(std::string_view name) {
  for (size_t i = 0; i < kTagNames.size() && !name.empty(); ++i) {
    if (kTagNames[i] == name) return static_cast<Tag>(kTagFirst + i);
  }
  return std::nullopt;
}

// "Lease Time"_spec
COFFER_KMIP_CONSTEVAL Tag operator""_spec(const char* name, size_t size) {
  return spec_tag(std::string_view(name, size)).value();
}

}  // namespace coffer::kmip
