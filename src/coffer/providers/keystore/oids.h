// Object identifiers that keystores use, as DER has their contents.
#pragma once

#include <string_view>

namespace coffer::keystore::oid {

inline constexpr std::string_view kData = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";           // 1.2.840.113549.1.7.1
inline constexpr std::string_view kEncryptedData = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x06";  // 1.2.840.113549.1.7.6
inline constexpr std::string_view kFriendlyName = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x14";   // 1.2.840.113549.1.9.20

// 1.2.840.113549.1.12.10.1.n
inline constexpr std::string_view kShroudedKeyBag = "\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x02";
inline constexpr std::string_view kSecretBag = "\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x05";

inline constexpr std::string_view kPbes2 = "\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d";   // 1.2.840.113549.1.5.13
inline constexpr std::string_view kPbkdf2 = "\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c";  // 1.2.840.113549.1.5.12
inline constexpr std::string_view kPkcs12TripleDes = "\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x03";
inline constexpr std::string_view kSunJksKeyProtector = "\x2b\x06\x01\x04\x01\x2a\x02\x11\x01\x01";
inline constexpr std::string_view kSunMd5TripleDes = "\x2b\x06\x01\x04\x01\x2a\x02\x13\x01";

inline constexpr std::string_view kHmacSha1 = "\x2a\x86\x48\x86\xf7\x0d\x02\x07";
inline constexpr std::string_view kHmacSha224 = "\x2a\x86\x48\x86\xf7\x0d\x02\x08";
inline constexpr std::string_view kHmacSha256 = "\x2a\x86\x48\x86\xf7\x0d\x02\x09";
inline constexpr std::string_view kHmacSha384 = "\x2a\x86\x48\x86\xf7\x0d\x02\x0a";
inline constexpr std::string_view kHmacSha512 = "\x2a\x86\x48\x86\xf7\x0d\x02\x0b";

inline constexpr std::string_view kSha1 = "\x2b\x0e\x03\x02\x1a";
inline constexpr std::string_view kSha224 = "\x60\x86\x48\x01\x65\x03\x04\x02\x04";
inline constexpr std::string_view kSha256 = "\x60\x86\x48\x01\x65\x03\x04\x02\x01";
inline constexpr std::string_view kSha384 = "\x60\x86\x48\x01\x65\x03\x04\x02\x02";
inline constexpr std::string_view kSha512 = "\x60\x86\x48\x01\x65\x03\x04\x02\x03";

inline constexpr std::string_view kAes = "\x60\x86\x48\x01\x65\x03\x04\x01";  // 2.16.840.1.101.3.4.1: keys of any size
inline constexpr std::string_view kAes128Cbc = "\x60\x86\x48\x01\x65\x03\x04\x01\x02";
inline constexpr std::string_view kAes192Cbc = "\x60\x86\x48\x01\x65\x03\x04\x01\x16";
inline constexpr std::string_view kAes256Cbc = "\x60\x86\x48\x01\x65\x03\x04\x01\x2a";
inline constexpr std::string_view kTripleDesCbc = "\x2a\x86\x48\x86\xf7\x0d\x03\x07";

}  // namespace coffer::keystore::oid
