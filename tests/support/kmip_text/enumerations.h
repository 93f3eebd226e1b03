// The enumerations of KMIP 1.0 to 2.1 that the client does not need, and its masks, in the specification's words (2.1
// section 11; 1.4 section 9.1.3.2 for what later versions reserve).
#pragma once

#include "coffer/net/kmip/names.h"

namespace coffer::kmip {

struct EnumerationText {
  std::string_view tags;     // whose values it names, separated by |
  std::string_view members;  // as names.h has its lists
};

inline constexpr EnumerationText kEnumerations[] = {{"Cryptographic Algorithm", kAlgorithms},
                                                    {"Operation", kOperations},
                                                    {"Result Reason", kResultReasons},
                                                    {"State", kStates}};

inline constexpr EnumerationText kOtherEnumerations[] = {
    {"Adjustment Type", "Increment|Decrement|Negate"},
    {"Alternative Name Type",
     "Uninterpreted Text String|URI|Object Serial Number|Email Address|DNS Name|X.500 Distinguished Name|IP Address"},
    {"Asynchronous Indicator", "Mandatory|Optional|Prohibited"},
    {"Attestation Type", "TPM Quote|TCG Integrity Report|SAML Assertion"},
    {"Batch Error Continuation Option", "Continue|Stop|Undo"},
    {"Block Cipher Mode",
     "CBC|ECB|PCBC|CFB|OFB|CTR|CMAC|CCM|GCM|CBC-MAC|XTS|AESKeyWrapPadding|NISTKeyWrap|X9.102 AESKW|X9.102 TDKW|"
     "X9.102 AKW1|X9.102 AKW2|AEAD"},
    {"Cancellation Result", "Canceled|Unable to Cancel|Completed|Failed|Unavailable"},
    {"Certificate Request Type", "CRMF|PKCS#10|PEM|PGP"},
    {"Certificate Type", "X.509|PGP"},
    {"Client Registration Method",
     "Unspecified|Server Pre-Generated|Server On-Demand|Client Generated|Client Registered"},
    {"Credential Type", "Username and Password|Device|Attestation|One Time Password|Hashed Password|Ticket"},
    {"Data", "Decrypt|Encrypt|Hash|MAC MAC Data|RNG Retrieve|Sign Signature Data|Signature Verify"},
    {"Derivation Method",
     "PBKDF2|HASH|HMAC|ENCRYPT|NIST800-108-C|NIST800-108-F|NIST800-108-DPI|Asymmetric Key|AWS Signature Version 4|"
     "HKDF"},
    {"Destroy Action",
     "Unspecified|Key Material Deleted|Key Material Shredded|Meta Data Deleted|Meta Data Shredded|Deleted|Shredded"},
    {"Digital Signature Algorithm",
     "MD2 with RSA Encryption|MD5 with RSA Encryption|SHA-1 with RSA Encryption|SHA-224 with RSA Encryption|"
     "SHA-256 with RSA Encryption|SHA-384 with RSA Encryption|SHA-512 with RSA Encryption|RSASSA-PSS|DSA with SHA-1|"
     "DSA with SHA224|DSA with SHA256|ECDSA with SHA-1|ECDSA with SHA224|ECDSA with SHA256|ECDSA with SHA384|"
     "ECDSA with SHA512|SHA3-256 with RSA Encryption|SHA3-384 with RSA Encryption|SHA3-512 with RSA Encryption"},
    {"DRBG Algorithm", "Unspecified|Dual-EC|Hash|HMAC|CTR"},
    {"Encoding Option", "No Encoding|TTLV Encoding"},
    {"Endpoint Role", "Client|Server"},
    {"FIPS186 Variation",
     "Unspecified|GP x-Original|GP x-Change Notice|x-Original|x-Change Notice|k-Original|k-Change Notice"},
    {"Hashing Algorithm|Mask Generator Hashing Algorithm",
     "MD2|MD4|MD5|SHA-1|SHA-224|SHA-256|SHA-384|SHA-512|RIPEMD-160|Tiger|Whirlpool|SHA-512/224|SHA-512/256|SHA3-224|"
     "SHA3-256|SHA3-384|SHA3-512"},
    {"Interop Function", "Begin|End|Reset"},
    {"Extension Type",
     "Structure|Integer|Long Integer|Big Integer|Enumeration|Boolean|Text String|Byte String|Date Time|Interval|"
     "Date Time Extended"},
    {"Key Compression Type",
     "EC Public Key Type Uncompressed|EC Public Key Type X9.62 Compressed Prime|"
     "EC Public Key Type X9.62 Compressed Char2|EC Public Key Type X9.62 Hybrid"},
    {"Key Format Type",
     "Raw|Opaque|PKCS#1|PKCS#8|X.509|ECPrivateKey|Transparent Symmetric Key|Transparent DSA Private Key|"
     "Transparent DSA Public Key|Transparent RSA Private Key|Transparent RSA Public Key|Transparent DH Private Key|"
     "Transparent DH Public Key|Transparent ECDSA Private Key|Transparent ECDSA Public Key|"
     "Transparent ECDH Private Key|Transparent ECDH Public Key|Transparent ECMQV Private Key|"
     "Transparent ECMQV Public Key|Transparent EC Private Key|Transparent EC Public Key|PKCS#12|PKCS#10"},
    {"Key Role Type",
     "BDK|CVK|DEK|MKAC|MKSMC|MKSMI|MKDAC|MKDN|MKCP|MKOTH|KEK|MAC16609|MAC97971|MAC97972|MAC97973|MAC97974|MAC97975|"
     "ZPK|PVKIBM|PVKPVV|PVKOTH|DUKPT|IV|TRKBK"},
    {"Key Value Location Type|Name Type|Rotate Name Type", "Uninterpreted Text String|URI"},
    {"Key Wrap Type", "Not Wrapped|As Registered"},
    {"Link Type",
     "=101|Certificate Link|Public Key Link|Private Key Link|Derivation Base Object Link|Derived Key Link|"
     "Replacement Object Link|Replaced Object Link|Parent Link|Child Link|Previous Link|Next Link|"
     "PKCS#12 Certificate Link|PKCS#12 Password Link|Wrapping Key Link"},
    {"Mask Generator", "MGF1"},
    {"NIST Key Type",
     "Private signature key|Public signature verification key|Symmetric authentication key|Private authentication key|"
     "Public authentication key|Symmetric data encryption key|Symmetric key wrapping key|"
     "Symmetric random number generation key|Symmetric master key|Private key transport key|Public key transport key|"
     "Symmetric key agreement key|Private static key agreement key|Public static key agreement key|"
     "Private ephemeral key agreement key|Public ephemeral key agreement key|Symmetric authorization key|"
     "Private authorization key|Public authorization key"},
    {"Object Group Member", "Group Member Fresh|Group Member Default"},
    {"Object Type",
     "Certificate|Symmetric Key|Public Key|Private Key|Split Key|Template|Secret Data|Opaque Object|PGP Key|"
     "Certificate Request"},
    {"Padding Method", "None|OAEP|PKCS5|SSL3|Zeros|ANSI X9.23|ISO 10126|PKCS1 v1.5|X9.31|PSS"},
    {"Processing Stage", "Submitted|In Process|Completed"},
    {"Profile Name",
     "Baseline Server Basic KMIP v1.2|Baseline Server TLS v1.2 KMIP v1.2|Baseline Client Basic KMIP v1.2|"
     "Baseline Client TLS v1.2 KMIP v1.2|Complete Server Basic KMIP v1.2|Complete Server TLS v1.2 KMIP v1.2|"
     "Tape Library Client KMIP v1.0|Tape Library Client KMIP v1.1|Tape Library Client KMIP v1.2|"
     "Tape Library Server KMIP v1.0|Tape Library Server KMIP v1.1|Tape Library Server KMIP v1.2|"
     "Symmetric Key Lifecycle Client KMIP v1.0|Symmetric Key Lifecycle Client KMIP v1.1|"
     "Symmetric Key Lifecycle Client KMIP v1.2|Symmetric Key Lifecycle Server KMIP v1.0|"
     "Symmetric Key Lifecycle Server KMIP v1.1|Symmetric Key Lifecycle Server KMIP v1.2|"
     "Asymmetric Key Lifecycle Client KMIP v1.0|Asymmetric Key Lifecycle Client KMIP v1.1|"
     "Asymmetric Key Lifecycle Client KMIP v1.2|Asymmetric Key Lifecycle Server KMIP v1.0|"
     "Asymmetric Key Lifecycle Server KMIP v1.1|Asymmetric Key Lifecycle Server KMIP v1.2|"
     "Basic Cryptographic Client KMIP v1.2|Basic Cryptographic Server KMIP v1.2|"
     "Advanced Cryptographic Client KMIP v1.2|Advanced Cryptographic Server KMIP v1.2|"
     "RNG Cryptographic Client KMIP v1.2|RNG Cryptographic Server KMIP v1.2|"
     "Basic Symmetric Key Foundry Client KMIP v1.0|Intermediate Symmetric Key Foundry Client KMIP v1.0|"
     "Advanced Symmetric Key Foundry Client KMIP v1.0|Basic Symmetric Key Foundry Client KMIP v1.1|"
     "Intermediate Symmetric Key Foundry Client KMIP v1.1|Advanced Symmetric Key Foundry Client KMIP v1.1|"
     "Basic Symmetric Key Foundry Client KMIP v1.2|Intermediate Symmetric Key Foundry Client KMIP v1.2|"
     "Advanced Symmetric Key Foundry Client KMIP v1.2|Symmetric Key Foundry Server KMIP v1.0|"
     "Symmetric Key Foundry Server KMIP v1.1|Symmetric Key Foundry Server KMIP v1.2|"
     "Opaque Managed Object Store Client KMIP v1.0|Opaque Managed Object Store Client KMIP v1.1|"
     "Opaque Managed Object Store Client KMIP v1.2|Opaque Managed Object Store Server KMIP v1.0|"
     "Opaque Managed Object Store Server KMIP v1.1|Opaque Managed Object Store Server KMIP v1.2|"
     "Suite B minLOS_128 Client KMIP v1.0|Suite B minLOS_128 Client KMIP v1.1|Suite B minLOS_128 Client KMIP v1.2|"
     "Suite B minLOS_128 Server KMIP v1.0|Suite B minLOS_128 Server KMIP v1.1|Suite B minLOS_128 Server KMIP v1.2|"
     "Suite B minLOS_192 Client KMIP v1.0|Suite B minLOS_192 Client KMIP v1.1|Suite B minLOS_192 Client KMIP v1.2|"
     "Suite B minLOS_192 Server KMIP v1.0|Suite B minLOS_192 Server KMIP v1.1|Suite B minLOS_192 Server KMIP v1.2|"
     "Storage Array With Self Encrypting Drive Client KMIP v1.0|"
     "Storage Array With Self Encrypting Drive Client KMIP v1.1|"
     "Storage Array With Self Encrypting Drive Client KMIP v1.2|"
     "Storage Array With Self Encrypting Drive Server KMIP v1.0|"
     "Storage Array With Self Encrypting Drive Server KMIP v1.1|"
     "Storage Array With Self Encrypting Drive Server KMIP v1.2|HTTPS Client KMIP v1.0|HTTPS Client KMIP v1.1|"
     "HTTPS Client KMIP v1.2|HTTPS Server KMIP v1.0|HTTPS Server KMIP v1.1|HTTPS Server KMIP v1.2|"
     "JSON Client KMIP v1.0|JSON Client KMIP v1.1|JSON Client KMIP v1.2|JSON Server KMIP v1.0|JSON Server KMIP v1.1|"
     "JSON Server KMIP v1.2|XML Client KMIP v1.0|XML Client KMIP v1.1|XML Client KMIP v1.2|XML Server KMIP v1.0|"
     "XML Server KMIP v1.1|XML Server KMIP v1.2|Baseline Server Basic KMIP v1.3|Baseline Server TLS v1.2 KMIP v1.3|"
     "Baseline Client Basic KMIP v1.3|Baseline Client TLS v1.2 KMIP v1.3|Complete Server Basic KMIP v1.3|"
     "Complete Server TLS v1.2 KMIP v1.3|Tape Library Client KMIP v1.3|Tape Library Server KMIP v1.3|"
     "Symmetric Key Lifecycle Client KMIP v1.3|Symmetric Key Lifecycle Server KMIP v1.3|"
     "Asymmetric Key Lifecycle Client KMIP v1.3|Asymmetric Key Lifecycle Server KMIP v1.3|"
     "Basic Cryptographic Client KMIP v1.3|Basic Cryptographic Server KMIP v1.3|"
     "Advanced Cryptographic Client KMIP v1.3|Advanced Cryptographic Server KMIP v1.3|"
     "RNG Cryptographic Client KMIP v1.3|RNG Cryptographic Server KMIP v1.3|"
     "Basic Symmetric Key Foundry Client KMIP v1.3|Intermediate Symmetric Key Foundry Client KMIP v1.3|"
     "Advanced Symmetric Key Foundry Client KMIP v1.3|Symmetric Key Foundry Server KMIP v1.3|"
     "Opaque Managed Object Store Client KMIP v1.3|Opaque Managed Object Store Server KMIP v1.3|"
     "Suite B minLOS_128 Client KMIP v1.3|Suite B minLOS_128 Server KMIP v1.3|Suite B minLOS_192 Client KMIP v1.3|"
     "Suite B minLOS_192 Server KMIP v1.3|Storage Array With Self Encrypting Drive Client KMIP v1.3|"
     "Storage Array With Self Encrypting Drive Server KMIP v1.3|HTTPS Client KMIP v1.3|HTTPS Server KMIP v1.3|"
     "JSON Client KMIP v1.3|JSON Server KMIP v1.3|XML Client KMIP v1.3|XML Server KMIP v1.3|"
     "Baseline Server Basic KMIP v1.4|Baseline Server TLS v1.2 KMIP v1.4|Baseline Client Basic KMIP v1.4|"
     "Baseline Client TLS v1.2 KMIP v1.4|Complete Server Basic KMIP v1.4|Complete Server TLS v1.2 KMIP v1.4|"
     "Tape Library Client KMIP v1.4|Tape Library Server KMIP v1.4|Symmetric Key Lifecycle Client KMIP v1.4|"
     "Symmetric Key Lifecycle Server KMIP v1.4|Asymmetric Key Lifecycle Client KMIP v1.4|"
     "Asymmetric Key Lifecycle Server KMIP v1.4|Basic Cryptographic Client KMIP v1.4|"
     "Basic Cryptographic Server KMIP v1.4|Advanced Cryptographic Client KMIP v1.4|"
     "Advanced Cryptographic Server KMIP v1.4|RNG Cryptographic Client KMIP v1.4|RNG Cryptographic Server KMIP v1.4|"
     "Basic Symmetric Key Foundry Client KMIP v1.4|Intermediate Symmetric Key Foundry Client KMIP v1.4|"
     "Advanced Symmetric Key Foundry Client KMIP v1.4|Symmetric Key Foundry Server KMIP v1.4|"
     "Opaque Managed Object Store Client KMIP v1.4|Opaque Managed Object Store Server KMIP v1.4|"
     "Suite B minLOS_128 Client KMIP v1.4|Suite B minLOS_128 Server KMIP v1.4|Suite B minLOS_192 Client KMIP v1.4|"
     "Suite B minLOS_192 Server KMIP v1.4|Storage Array With Self Encrypting Drive Client KMIP v1.4|"
     "Storage Array With Self Encrypting Drive Server KMIP v1.4|HTTPS Client KMIP v1.4|HTTPS Server KMIP v1.4|"
     "JSON Client KMIP v1.4|JSON Server KMIP v1.4|XML Client KMIP v1.4|XML Server KMIP v1.4|=104|"
     "Complete Server Basic|Complete Server TLS v1.2|Tape Library Client|Tape Library Server|"
     "Symmetric Key Lifecycle Client|Symmetric Key Lifecycle Server|Asymmetric Key Lifecycle Client|"
     "Asymmetric Key Lifecycle Server|Basic Cryptographic Client|Basic Cryptographic Server|"
     "Advanced Cryptographic Client|Advanced Cryptographic Server|RNG Cryptographic Client|RNG Cryptographic Server|"
     "Basic Symmetric Key Foundry Client|Intermediate Symmetric Key Foundry Client|"
     "Advanced Symmetric Key Foundry Client|Symmetric Key Foundry Server|Opaque Managed Object Store Client|"
     "Opaque Managed Object Store Server|Suite B minLOS_128 Client|Suite B minLOS_128 Server|"
     "Suite B minLOS_192 Client|Suite B minLOS_192 Server|Storage Array With Self Encrypting Drive Client|"
     "Storage Array With Self Encrypting Drive Server|HTTPS Client|HTTPS Server|JSON Client|JSON Server|XML Client|"
     "XML Server|AES XTS Client|AES XTS Server|Quantum Safe Client|Quantum Safe Server|PKCS#11 Client|PKCS#11 Server|"
     "Baseline Client|Baseline Server|Complete Server"},
    {"Protection Level", "High|Low"},
    {"Put Function", "New|Replace"},
    {"Query Function",
     "Query Operations|Query Objects|Query Server Information|Query Application Namespaces|Query Extension List|"
     "Query Extension Map|Query Attestation Types|Query RNGs|Query Validations|Query Profiles|Query Capabilities|"
     "Query Client Registration Methods|Query Defaults Information|Query Storage Protection Masks"},
    {"Recommended Curve",
     "P-192|K-163|B-163|P-224|K-233|B-233|P-256|K-283|B-283|P-384|K-409|B-409|P-521|K-571|B-571|SECP112R1|SECP112R2|"
     "SECP128R1|SECP128R2|SECP160K1|SECP160R1|SECP160R2|SECP192K1|SECP224K1|SECP256K1|SECT113R1|SECT113R2|SECT131R1|"
     "SECT131R2|SECT163R1|SECT193R1|SECT193R2|SECT239K1|ANSIX9P192V2|ANSIX9P192V3|ANSIX9P239V1|ANSIX9P239V2|"
     "ANSIX9P239V3|ANSIX9C2PNB163V1|ANSIX9C2PNB163V2|ANSIX9C2PNB163V3|ANSIX9C2PNB176V1|ANSIX9C2TNB191V1|"
     "ANSIX9C2TNB191V2|ANSIX9C2TNB191V3|ANSIX9C2PNB208W1|ANSIX9C2TNB239V1|ANSIX9C2TNB239V2|ANSIX9C2TNB239V3|"
     "ANSIX9C2PNB272W1|ANSIX9C2PNB304W1|ANSIX9C2TNB359V1|ANSIX9C2PNB368W1|ANSIX9C2TNB431R1|BRAINPOOLP160R1|"
     "BRAINPOOLP160T1|BRAINPOOLP192R1|BRAINPOOLP192T1|BRAINPOOLP224R1|BRAINPOOLP224T1|BRAINPOOLP256R1|BRAINPOOLP256T1|"
     "BRAINPOOLP320R1|BRAINPOOLP320T1|BRAINPOOLP384R1|BRAINPOOLP384T1|BRAINPOOLP512R1|BRAINPOOLP512T1|CURVE25519|"
     "CURVE448"},
    {"Result Status", "=0|Success|Operation Failed|Operation Pending|Operation Undone"},
    {"Revocation Reason Code",
     "Unspecified|Key Compromise|CA Compromise|Affiliation Changed|Superseded|Cessation of Operation|"
     "Privilege Withdrawn"},
    {"RNG Algorithm", "Unspecified|FIPS 186-2|DRBG|NRBG|ANSI X9.31|ANSI X9.62"},
    {"RNG Mode", "Unspecified|Shared Instantiation|Non-Shared Instantiation"},
    {"Secret Data Type", "Password|Seed"},
    {"Shredding Algorithm", "Unspecified|Cryptographic|Unsupported"},
    {"Split Key Method", "XOR|Polynomial Sharing GF (2^16)|Polynomial Sharing Prime Field|Polynomial Sharing GF (2^8)"},
    {"Ticket Type", "Login"},
    {"Unique Identifier|Linked Object Identifier",
     "ID Placeholder|Certify|Create|Create Key Pair|Create Key Pair Private Key|Create Key Pair Public Key|"
     "Create Split Key|Derive Key|Import|Join Split Key|Locate|Register|Re-key|Re-certify|Re-key Key Pair|"
     "Re-key Key Pair Private Key|Re-key Key Pair Public Key"},
    {"Unwrap Mode", "Unspecified|Processed|Not Processed"},
    {"Usage Limits Unit", "Byte|Object"},
    {"Validation Authority Type", "Unspecified|NIST CMVP|Common Criteria"},
    {"Validation Type", "Unspecified|Hardware|Software|Firmware|Hybrid"},
    {"Validity Indicator", "Valid|Invalid|Unknown"},
    {"Wrapping Method", "Encrypt|MAC/sign|Encrypt then MAC/sign|MAC/sign then encrypt|TR-31"},
};

// Members stand for the bits from the lowest on.
inline constexpr EnumerationText kMasks[] = {
    {"Cryptographic Usage Mask",
     "Sign|Verify|Encrypt|Decrypt|Wrap Key|Unwrap Key|Export|MAC Generate|MAC Verify|Derive Key|Content Commitment|"
     "Key Agreement|Certificate Sign|CRL Sign|Generate Cryptogram|Validate Cryptogram|Translate Encrypt|"
     "Translate Decrypt|Translate Wrap|Translate Unwrap|Authenticate|Unrestricted|FPE Encrypt|FPE Decrypt"},
    {"Storage Status Mask", "On-line storage|Archival storage|Destroyed storage"},
    {"Protection Storage Mask",
     "Software|Hardware|On Processor|On System|Off System|Hypervisor|Operating System|Container|On Premises|"
     "Off Premises|Self Managed|Outsourced|Validated|Same Jurisdiction"},
};

}  // namespace coffer::kmip
