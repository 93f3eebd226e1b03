#include "coffer/providers/keystore/pkcs12.h"

#include <optional>

#include "coffer/crypto/kdf.h"
#include "coffer/crypto/password_based.h"
#include "coffer/crypto/random.h"
#include "coffer/providers/keystore/oids.h"

namespace coffer::keystore {
namespace {

constexpr size_t kPartsMax = 1000;
constexpr size_t kEntriesMax = 10'000;
constexpr size_t kAliasUnitsMax = 256;

Status malformed() {
  return {Code::kInvalidArgument, "not a PKCS#12 keystore in DER, or damaged; keytool -importkeystore writes one"};
}

std::optional<KeystoreHash> hash_of(std::string_view oid) {
  if (oid == oid::kSha1) return KeystoreHash::kSha1;
  if (oid == oid::kSha224) return KeystoreHash::kSha224;
  if (oid == oid::kSha256) return KeystoreHash::kSha256;
  if (oid == oid::kSha384) return KeystoreHash::kSha384;
  if (oid == oid::kSha512) return KeystoreHash::kSha512;
  return std::nullopt;
}

void append_utf8(uint32_t code, std::string& out) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | code >> 18);
    out += static_cast<char>(0x80 | (code >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  }
}

// An alias is a name for people: what is not well-formed UTF-16 becomes a question mark.
std::string utf8_of(ByteView utf16) {
  std::string out;
  const auto unit = [&](size_t at) { return static_cast<uint32_t>(utf16[at] << 8 | utf16[at + 1]); };
  for (size_t at = 0; at + 1 < utf16.size(); at += 2) {
    uint32_t code = unit(at);
    if (code >= 0xd800 && code < 0xe000) {
      const bool pair = code < 0xdc00 && at + 3 < utf16.size() && unit(at + 2) >= 0xdc00 && unit(at + 2) < 0xe000;
      code = pair ? 0x10000 + ((code - 0xd800) << 10) + (unit(at + 2) - 0xdc00) : '?';
      if (pair) at += 2;
    }
    append_utf8(code, out);
  }
  return out;
}

std::string read_alias(DerReader attributes) {
  while (attributes.ok() && !attributes.at_end()) {
    DerReader attribute = attributes.enter(Tag::kSequence);
    const bool is_alias = as_text(attribute.take(Tag::kOid)) == oid::kFriendlyName;
    DerReader values = attribute.enter(Tag::kSet);
    if (!is_alias) continue;
    const ByteView utf16 = values.take(Tag::kBmpString);
    if (values.ok() && utf16.size() <= 2 * kAliasUnitsMax) return utf8_of(utf16);
  }
  return {};
}

// SafeContents: the secret keys of one part.
Status read_part(ByteView safe_contents, Pkcs12Secrets& out) {
  DerReader reader(safe_contents);
  DerReader bags = reader.enter(Tag::kSequence);
  while (bags.ok() && !bags.at_end()) {
    if (++out.entries > kEntriesMax) return {Code::kLimitExceeded, "more than 10000 entries"};
    DerReader bag = bags.enter(Tag::kSequence);
    const bool secret = as_text(bag.take(Tag::kOid)) == oid::kSecretBag;
    DerReader value = bag.enter(Tag::kContext0);
    DerReader attributes = bag.at_end() ? DerReader({}) : bag.enter(Tag::kSet);
    if (!bag.ok()) return malformed();
    std::string alias = read_alias(attributes);
    out.aliases.push_back(alias);
    if (!secret) continue;
    DerReader secret_bag = value.enter(Tag::kSequence);
    const std::string_view type = as_text(secret_bag.take(Tag::kOid));
    DerReader explicit_value = secret_bag.enter(Tag::kContext0);
    const ByteView octets = explicit_value.take(Tag::kOctetString);
    if (!explicit_value.ok()) return malformed();
    if (type != oid::kShroudedKeyBag) continue;
    out.keys.push_back({std::move(alias), Bytes(octets.begin(), octets.end())});
  }
  return reader.ok() && bags.ok() ? Status::ok() : malformed();
}

Status read_encrypted_part(DerReader content, const Password& password, WorkBudget& budget, Pkcs12Secrets& out) {
  DerReader encrypted_data = content.enter(Tag::kSequence);
  if (encrypted_data.number() != 0) return malformed();
  DerReader info = encrypted_data.enter(Tag::kSequence);
  const bool data = as_text(info.take(Tag::kOid)) == oid::kData;
  const ByteView algorithm = info.take(Tag::kSequence);
  const ByteView encrypted = info.take(Tag::kContext0Primitive);
  if (!info.ok() || !data) return malformed();
  auto opened = decrypt_protected(algorithm, encrypted, password, budget);
  if (opened.code() == Code::kUnsupported) {
    ++out.unreadable_parts;
    return Status::ok();
  }
  if (!opened.is_ok()) return opened.status();
  return read_part(opened->reveal(), out);
}

}  // namespace

Result<Pkcs12File> parse_pkcs12(ByteView contents) {
  DerReader reader(contents);
  DerReader pfx = reader.enter(Tag::kSequence);
  if (pfx.number() != 3 || !reader.finished()) return malformed();
  DerReader content_info = pfx.enter(Tag::kSequence);
  const std::string_view type = as_text(content_info.take(Tag::kOid));
  if (content_info.ok() && type != oid::kData) return {Code::kUnsupported, "it is signed by a key, not by a password"};
  DerReader explicit_content = content_info.enter(Tag::kContext0);
  Pkcs12File out;
  out.auth_safe = explicit_content.take(Tag::kOctetString);
  if (!explicit_content.finished() || !content_info.finished()) return malformed();
  if (pfx.finished()) {
    return {Code::kUnsupported, "it has no password (no MAC), so anybody could have changed it; give it one"};
  }
  DerReader mac_data = pfx.enter(Tag::kSequence);
  DerReader digest_info = mac_data.enter(Tag::kSequence);
  DerReader algorithm = digest_info.enter(Tag::kSequence);
  out.mac_hash = algorithm.take(Tag::kOid);
  const bool plain = algorithm.at_end() || algorithm.take(Tag::kNull).empty();
  out.mac = digest_info.take(Tag::kOctetString);
  out.salt = mac_data.take(Tag::kOctetString);
  out.rounds = mac_data.at_end() ? 1 : mac_data.number();
  if (!plain || !algorithm.finished() || !digest_info.finished() || !mac_data.finished() || !pfx.finished())
    return malformed();
  return out;
}

namespace {

Result<SecretBytes> mac_of(KeystoreHash hash, ByteView salt, uint32_t rounds, ByteView auth_safe,
                           const Password& password) {
  COFFER_ASSIGN(const SecretBytes utf16, password.utf16(2));
  COFFER_ASSIGN(const SecretBytes key,
                pkcs12_derive(hash, Pkcs12Purpose::kMac, utf16.reveal(), salt, rounds, hash_size(hash)));
  return keystore_hmac(hash, key.reveal(), auth_safe);
}

}  // namespace

Status check_pkcs12_mac(const Pkcs12File& file, const Password& store_password, WorkBudget& budget) {
  const auto hash = hash_of(as_text(file.mac_hash));
  if (!hash.has_value()) return {Code::kUnsupported, "its MAC is of a kind that is not known here"};
  COFFER_TRY(budget.spend(file.rounds));
  COFFER_ASSIGN(const SecretBytes mac, mac_of(*hash, file.salt, file.rounds, file.auth_safe, store_password));
  if (equal_constant_time(mac.reveal(), file.mac)) return Status::ok();
  return {Code::kWrongKey, "the store password is not right, or the file was altered"};
}

Result<Pkcs12Secrets> read_pkcs12_secrets(ByteView auth_safe, const Password& store_password, WorkBudget& budget) {
  Pkcs12Secrets out;
  DerReader reader(auth_safe);
  DerReader parts = reader.enter(Tag::kSequence);
  for (size_t count = 0; parts.ok() && !parts.at_end(); ++count) {
    if (count == kPartsMax) return {Code::kLimitExceeded, "more than 1000 parts"};
    DerReader part = parts.enter(Tag::kSequence);
    const std::string_view type = as_text(part.take(Tag::kOid));
    DerReader content = part.enter(Tag::kContext0);
    if (!part.ok()) return malformed();
    if (type == oid::kData) {
      COFFER_TRY(read_part(content.take(Tag::kOctetString), out));
    } else if (type == oid::kEncryptedData) {
      COFFER_TRY(read_encrypted_part(content, store_password, budget, out));
    } else {
      ++out.unreadable_parts;
    }
  }
  if (!reader.ok() || !parts.ok()) return malformed();
  return out;
}

Result<RootKey> aes_key_of_key_info(const SecretBytes& key_info) {
  DerReader reader(key_info.reveal());
  DerReader info = reader.enter(Tag::kSequence);
  const uint32_t version = info.number();
  DerReader algorithm = info.enter(Tag::kSequence);
  const std::string_view oid = as_text(algorithm.take(Tag::kOid));
  const ByteView key = info.take(Tag::kOctetString);
  // With another key, padding that fits by chance opens to noise.
  if (!reader.finished() || !info.ok() || !algorithm.ok() || version != 0) {
    return {Code::kWrongKey, "what is encrypted does not open"};
  }
  if (!oid.starts_with(oid::kAes)) return {Code::kInvalidArgument, "it is not an AES key"};
  if (key.size() != 16 && key.size() != 24 && key.size() != 32) {
    return {Code::kInvalidArgument, "an AES key of " + std::to_string(key.size() * 8) + " bits, which cannot be"};
  }
  return RootKey::copy_of(key);
}

namespace {

// PrivateKeyInfo with the key at its very end, so that it need not pass through ordinary memory.
SecretBytes key_info_of(const RootKey& key) {
  const Bytes algorithm = der(Tag::kSequence, der(Tag::kOid, as_bytes(oid::kAes)));
  const Bytes version = der_number(0);
  const uint8_t octets[] = {static_cast<uint8_t>(Tag::kOctetString), static_cast<uint8_t>(key.size())};
  const size_t size = version.size() + algorithm.size() + sizeof octets + key.size();
  SecretBytes out(2 + size);
  MutableBytes to = out.reveal_mutable();
  to[0] = static_cast<uint8_t>(Tag::kSequence);
  to[1] = static_cast<uint8_t>(size);  // below 128: 3 + 12 + 2 + 32
  size_t at = 2;
  for (const ByteView part : {ByteView(version), ByteView(algorithm), ByteView(octets), key.reveal()}) {
    std::copy(part.begin(), part.end(), to.begin() + static_cast<ptrdiff_t>(at));
    at += part.size();
  }
  return out;
}

Result<Bytes> secret_part(const std::string& alias, const RootKey& key, const Password& key_password) {
  COFFER_ASSIGN(const Bytes encrypted, seal_encrypted_key(key_info_of(key), key_password));
  COFFER_ASSIGN(const SecretBytes name, Password(SecretBytes::copy_of(as_bytes(alias))).utf16(0));
  const Bytes value = der(Tag::kContext0, der(Tag::kOctetString, encrypted));
  const Bytes secret = der(Tag::kSequence, {der(Tag::kOid, as_bytes(oid::kShroudedKeyBag)), value});
  const Bytes attribute = der(Tag::kSequence, {der(Tag::kOid, as_bytes(oid::kFriendlyName)),
                                               der(Tag::kSet, der(Tag::kBmpString, name.reveal()))});
  const Bytes bag = der(Tag::kSequence, {der(Tag::kOid, as_bytes(oid::kSecretBag)), der(Tag::kContext0, secret),
                                         der(Tag::kSet, attribute)});
  const Bytes safe_contents = der(Tag::kSequence, bag);
  return der(Tag::kSequence,
             {der(Tag::kOid, as_bytes(oid::kData)), der(Tag::kContext0, der(Tag::kOctetString, safe_contents))});
}

}  // namespace

Result<Bytes> with_secret_key(ByteView contents, const std::string& alias, const RootKey& key,
                              const Password& store_password, const Password& key_password) {
  constexpr uint32_t kMacRounds = 100'000;
  ByteView parts;
  if (!contents.empty()) {
    COFFER_ASSIGN(const Pkcs12File before, parse_pkcs12(contents));
    DerReader reader(before.auth_safe);
    parts = reader.take(Tag::kSequence);
    if (!reader.finished()) return malformed();
  }
  COFFER_ASSIGN(const Bytes part, secret_part(alias, key, key_password));
  const Bytes auth_safe = der(Tag::kSequence, {parts, part});
  std::array<uint8_t, 20> salt;
  COFFER_TRY(random_bytes(salt));
  COFFER_ASSIGN(const SecretBytes mac, mac_of(KeystoreHash::kSha256, salt, kMacRounds, auth_safe, store_password));
  const Bytes hash = der(Tag::kSequence, {der(Tag::kOid, as_bytes(oid::kSha256)), der(Tag::kNull, ByteView())});
  const Bytes digest = der(Tag::kSequence, {hash, der(Tag::kOctetString, mac.reveal())});
  const Bytes mac_data = der(Tag::kSequence, {digest, der(Tag::kOctetString, salt), der_number(kMacRounds)});
  const Bytes content = der(
      Tag::kSequence, {der(Tag::kOid, as_bytes(oid::kData)), der(Tag::kContext0, der(Tag::kOctetString, auth_safe))});
  return der(Tag::kSequence, {der_number(3), content, mac_data});
}

}  // namespace coffer::keystore
