#include "coffer/net/stores/java_keystore.h"

#include "coffer/crypto/kdf.h"
#include "coffer/net/stores/java_stream.h"

namespace coffer::keystore {
namespace {

constexpr uint32_t kJksMagic = 0xfeedfeed;
constexpr uint32_t kJceksMagic = 0xcececece;
constexpr uint32_t kPrivateKeyEntry = 1;
constexpr uint32_t kCertificateEntry = 2;
constexpr uint32_t kSecretKeyEntry = 3;
constexpr size_t kStoreHashSize = 20;
constexpr size_t kHeaderSize = 12;
constexpr size_t kChainMax = 100;
constexpr std::string_view kWhitener = "Mighty Aphrodite";  // what Java hashes between password and contents

Status malformed() { return {Code::kInvalidArgument, "not a JKS or JCEKS keystore, or damaged"}; }

Bytes copy_of(ByteView bytes) { return {bytes.begin(), bytes.end()}; }

Result<Bytes> read_certificate(BigEndianReader& reader, uint32_t version) {
  if (version == 2 && reader.text() != "X.509") {
    return reader.ok() ? Status(Code::kUnsupported, "a certificate that is not X.509") : malformed();
  }
  return copy_of(reader.block());
}

Status read_private_key(BigEndianReader& reader, uint32_t version, JavaEntry& out) {
  out.kind = JavaEntry::Kind::kPrivateKey;
  out.encrypted_key_info = copy_of(reader.block());
  const uint32_t count = reader.u32();
  if (!reader.ok() || count > kChainMax) return malformed();
  for (uint32_t i = 0; i < count; ++i) {
    COFFER_ASSIGN(Bytes certificate, read_certificate(reader, version));
    out.certificates.push_back(std::move(certificate));
  }
  return Status::ok();
}

Status read_secret_key(BigEndianReader& reader, JavaEntry& out) {
  out.kind = JavaEntry::Kind::kSecretKey;
  COFFER_ASSIGN(const JavaObject sealed, read_java_object(reader));
  if (!sealed.class_name.ends_with("SealedObjectForKeyProtector")) return malformed();
  if (as_text(sealed.field("sealAlg")) != "PBEWithMD5AndTripleDES") {
    return {Code::kUnsupported, "a secret key in it is encrypted in a way that Java itself does not"};
  }
  out.sealed = {copy_of(sealed.field("encodedParams")), copy_of(sealed.field("encryptedContent"))};
  return Status::ok();
}

Result<JavaEntry> read_entry(BigEndianReader& reader, uint32_t magic, uint32_t version) {
  JavaEntry out;
  const uint32_t kind = reader.u32();
  out.alias = reader.text();
  reader.bytes(sizeof(uint64_t));  // when it was made
  if (!reader.ok()) return malformed();
  if (kind == kPrivateKeyEntry) {
    COFFER_TRY(read_private_key(reader, version, out));
  } else if (kind == kCertificateEntry) {
    COFFER_ASSIGN(Bytes certificate, read_certificate(reader, version));
    out.certificates.push_back(std::move(certificate));
  } else if (kind == kSecretKeyEntry && magic == kJceksMagic) {
    COFFER_TRY(read_secret_key(reader, out));
  } else {
    return malformed();
  }
  if (!reader.ok()) return malformed();
  return out;
}

// SecretKeySpec keeps the key's bytes under "key", KeyRep under "encoded".
Result<RootKey> aes_key_of_object(const SecretBytes& serialised) {
  BigEndianReader reader(serialised.reveal());
  auto object = read_java_object(reader);
  // With another key, padding that fits by chance opens to noise.
  if (!object.is_ok()) return {Code::kWrongKey, "what is encrypted does not open"};
  const bool spec = object->class_name == "javax.crypto.spec.SecretKeySpec";
  if (!spec && as_text(object->field("format")) != "RAW") return {Code::kInvalidArgument, "it is not an AES key"};
  if (as_text(object->field("algorithm")) != "AES") return {Code::kInvalidArgument, "it is not an AES key"};
  const ByteView key = object->field(spec ? "key" : "encoded");
  if (key.size() != 16 && key.size() != 24 && key.size() != 32) {
    return {Code::kInvalidArgument, "an AES key of " + std::to_string(key.size() * 8) + " bits, which cannot be"};
  }
  return RootKey::copy_of(key);
}

}  // namespace

bool is_java_keystore(ByteView contents) {
  BigEndianReader reader(contents);
  const uint32_t magic = reader.u32();
  return magic == kJksMagic || magic == kJceksMagic;
}

Result<std::vector<JavaEntry>> parse_java_keystore(ByteView contents) {
  if (contents.size() < kHeaderSize + kStoreHashSize) return malformed();
  BigEndianReader reader(contents.first(contents.size() - kStoreHashSize));
  const uint32_t magic = reader.u32();
  const uint32_t version = reader.u32();
  const uint32_t count = reader.u32();
  if ((magic != kJksMagic && magic != kJceksMagic) || (version != 1 && version != 2)) return malformed();
  if (count > kEntriesMax) return {Code::kLimitExceeded, "more than 10000 entries"};
  std::vector<JavaEntry> out;
  for (uint32_t i = 0; i < count; ++i) {
    COFFER_ASSIGN(JavaEntry entry, read_entry(reader, magic, version));
    out.push_back(std::move(entry));
  }
  if (!reader.finished()) return malformed();
  return out;
}

Result<std::vector<JavaEntry>> read_java_keystore(ByteView contents, const Password& store_password) {
  if (!is_java_keystore(contents) || contents.size() < kHeaderSize + kStoreHashSize) return malformed();
  COFFER_ASSIGN(const SecretBytes utf16, store_password.utf16());
  const ByteView hashed = contents.first(contents.size() - kStoreHashSize);
  COFFER_ASSIGN(const SecretBytes hash,
                keystore_hash(KeystoreHash::kSha1, {utf16.reveal(), as_bytes(kWhitener), hashed}));
  if (!equal_constant_time(hash.reveal(), contents.last(kStoreHashSize))) {
    return {Code::kWrongKey, "the store password is not right, or the file was altered"};
  }
  return parse_java_keystore(contents);
}

Result<RootKey> open_secret_key(const JavaEntry& entry, const Password& key_password, WorkBudget& budget) {
  COFFER_ASSIGN(const SecretBytes serialised,
                decrypt_md5_triple_des(entry.sealed.parameters, entry.sealed.encrypted, key_password, budget));
  return aes_key_of_object(serialised);
}

}  // namespace coffer::keystore
