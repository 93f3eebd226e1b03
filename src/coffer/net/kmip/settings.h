// What a group of KMIP hosts and a key on it are set up with: docs/providers/kmip.md.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "coffer/base/status.h"
#include "coffer/config/provider_config.h"
#include "coffer/net/kmip/protocol.h"

namespace coffer::kmip {

inline constexpr uint16_t kDefaultPort = 5696;
inline constexpr size_t kHostsMax = 16;

struct HostAddress {
  std::string name;  // a DNS name or a numeric address
  uint16_t port = kDefaultPort;

  std::string text() const;  // "hsm1:5696", "[::1]:5696"
  bool operator==(const HostAddress&) const = default;
};

enum class StoreType : uint8_t { kPem, kPkcs12, kJks };

// Certificates, and for an identity the private key to the first of them.
struct StorePlace {
  StoreType type = StoreType::kPem;
  std::string path;
  std::string key_path;  // PEM only: where the private key is, if not in `path`
  SecretSource password;

  bool operator==(const StorePlace&) const = default;
};

struct TlsSettings {
  StorePlace identity;                     // who we are to the hosts
  StorePlace trust;                        // who signs the hosts' certificates
  std::string protocol;                    // "TLSv1.2" or "TLSv1.3"; empty: either
  std::vector<std::string> cipher_suites;  // OpenSSL's or IANA's names; empty: OpenSSL's default
  bool verify_host = true;

  bool operator==(const TlsSettings&) const = default;
};

struct GroupSettings {
  std::string name;                // as configured; empty for one that a URI describes
  std::vector<HostAddress> hosts;  // in the order they are tried
  TlsSettings tls;
  std::chrono::milliseconds timeout{10000};     // for one question: all hosts, tries and pauses
  std::chrono::milliseconds key_cache{300000};  // 0: nothing is kept
  std::optional<ProtocolVersion> version;       // none: negotiated
  bool needed_at_start = false;                 // a coffer is not opened while no host of the group answers

  // "kmip group prod (hsm1:5696, hsm2:5696)".
  std::string describe() const;
  bool operator==(const GroupSettings&) const = default;
};

// How the keyring key is wrapped.
enum class KeyUse : uint8_t {
  kAuto,     // by what the server can do
  kGet,      // the root key is fetched, and wraps here
  kEncrypt,  // the root key stays in the server, which wraps
};

// What keys of one name belong to: an Object Group, or the value of a custom attribute.
struct KeySpace {
  std::string name = {};       // empty: none
  std::string attribute = {};  // "x-…"; empty: it is an Object Group

  bool operator==(const KeySpace&) const = default;
};

struct KeySettings {
  std::string key_name;
  KeySpace space;
  std::string algorithm = "AES";
  int bits = 256;
  bool create = false;      // make the key when there is none that is active
  bool allow_weak = false;  // wrap with one of less than 256 bits
  KeyUse use = KeyUse::kAuto;
  std::string
      operation_policy;  // Operation Policy Name of keys that are made (protocols before 2.0); empty: the server's

  bool operator==(const KeySettings&) const = default;
};

struct KmipSettings {
  GroupSettings group;
  KeySettings key;
  std::string uri;  // that stands for them; paths in it are absolute

  bool operator==(const KmipSettings&) const = default;
};

using Groups = std::map<std::string, GroupSettings>;

// The groups of the configuration. Unknown options, wrong values, relative paths and passwords in clear are errors that
// name the file, line and option.
Result<Groups> configured_groups(const ProviderConfig& config);

// "kmip://HOST[:PORT][,HOST…]/KEY?OPTIONS", or "kmip:GROUP/KEY?OPTIONS" for a configured group. Relative paths are
// below the current directory.
Result<KmipSettings> parse_kmip_uri(const ProviderUri& uri, const ProviderConfig& config);
// The group alone: by its configured name, or as "kmip://HOST[:PORT][,HOST…]?OPTIONS". A key's URI will do as well.
Result<GroupSettings> parse_kmip_group(const std::string& text, const ProviderConfig& config);

}  // namespace coffer::kmip
