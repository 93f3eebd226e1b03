#include "coffer/providers/keystore/keystore.h"

#include <algorithm>

#include "coffer/base/text.h"
#include "coffer/config/secret_source.h"
#include "coffer/crypto/random.h"
#include "coffer/net/stores/java_keystore.h"
#include "coffer/net/stores/pkcs12.h"

namespace coffer::keystore {
namespace {

constexpr size_t kAliasesShownMax = 8;
constexpr uint8_t kDerSequence = 0x30;

bool same_alias(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(a, b, [&](char x, char y) { return lower(x) == lower(y); });
}

// Of the secret keys' aliases, which is meant. Messages hold aliases, so control characters are left out of them.
Result<size_t> choose(const std::vector<std::string>& aliases, const std::string& wanted) {
  std::string known;
  for (size_t i = 0; i < std::min(aliases.size(), kAliasesShownMax); ++i) {
    known += (i == 0 ? "" : ", ") + printable(aliases[i]);
  }
  if (aliases.size() > kAliasesShownMax) known += ", …";
  if (aliases.empty()) return {Code::kNotFound, "there is no secret key in it; coffer keygen puts one in"};
  if (wanted.empty()) {
    if (aliases.size() == 1) return size_t{0};
    return {Code::kInvalidArgument, "it holds several secret keys; give the alias of one of them: " + known};
  }
  for (size_t i = 0; i < aliases.size(); ++i) {
    if (same_alias(aliases[i], wanted)) return i;
  }
  return {Code::kNotFound, "there is no secret key \"" + wanted + "\" in it; there are: " + known};
}

// `option`: where it comes from, without _file, _env or _sealed.
Status password_refused(const Status& status, std::string_view which, const std::string& option) {
  if (status.code() != Code::kWrongKey) return status;
  return {Code::kPermissionDenied, "the " + std::string(which) +
                                       " is not right, or the file was altered; correct what " + option + "_file, " +
                                       option + "_env or " + option + "_sealed names"};
}

Result<Pkcs12Secrets> secrets_in(ByteView contents, const Password& store_password, WorkBudget& budget) {
  auto secrets = read_pkcs12_secrets(contents, store_password, budget);
  return secrets.is_ok() ? std::move(secrets) : password_refused(secrets.status(), "store password", "store_password");
}

template <class Keys>
Result<FoundKey> open_chosen(const Keys& keys, const std::string& wanted, const Passwords& passwords,
                             WorkBudget& budget) {
  std::vector<std::string> aliases;
  for (const auto& key : keys) aliases.push_back(key.alias);
  COFFER_ASSIGN(const size_t chosen, choose(aliases, wanted));
  auto key = open_secret_key(keys[chosen], passwords.for_keys(), budget);
  if (key.is_ok()) return FoundKey{aliases[chosen], std::move(*key)};
  return password_refused(key.status(), "password of its keys", "key_password")
      .with_context("secret key \"" + aliases[chosen] + "\"");
}

Result<FoundKey> find_in_pkcs12(ByteView contents, const std::string& alias, const Passwords& passwords,
                                WorkBudget& budget) {
  COFFER_ASSIGN(const Pkcs12Secrets secrets, secrets_in(contents, passwords.store, budget));
  if (secrets.keys.empty() && secrets.entries == 0 && secrets.unreadable_parts == 0) {
    return {Code::kNotFound, "the keystore is empty; coffer keygen puts a key in"};
  }
  return open_chosen(secrets.keys, alias, passwords, budget);
}

Result<FoundKey> find_in_jceks(ByteView contents, const std::string& alias, const Passwords& passwords,
                               WorkBudget& budget) {
  auto entries = read_java_keystore(contents, passwords.store);
  if (!entries.is_ok()) return password_refused(entries.status(), "store password", "store_password");
  std::erase_if(*entries, [](const JavaEntry& entry) { return entry.kind != JavaEntry::Kind::kSecretKey; });
  return open_chosen(*entries, alias, passwords, budget);
}

// kAlreadyExists unless `alias` may be added to the keystore.
Status check_free(ByteView contents, const std::string& alias, const Passwords& passwords) {
  COFFER_ASSIGN(const KeystoreType type, type_of(contents));
  if (type != KeystoreType::kPkcs12) {
    return {Code::kUnsupported, "keys are made in PKCS#12 keystores only; use keytool -genseckey -storetype jceks"};
  }
  WorkBudget budget;
  COFFER_ASSIGN(const Pkcs12Secrets secrets, secrets_in(contents, passwords.store, budget));
  for (const std::string& taken : secrets.aliases) {
    if (same_alias(taken, alias)) {
      return {Code::kAlreadyExists, "there is an entry \"" + alias + "\" in it already; choose another alias"};
    }
  }
  return Status::ok();
}

}  // namespace

std::string_view type_name(KeystoreType type) { return type == KeystoreType::kPkcs12 ? "pkcs12" : "jceks"; }

Result<KeystoreType> type_of(ByteView contents) {
  if (is_java_keystore(contents)) {
    if (contents.front() == 0xce) return KeystoreType::kJceks;
    return {Code::kUnsupported,
            "it is a JKS keystore, which cannot hold secret keys; use one of type PKCS12, or of type JCEKS"};
  }
  if (!contents.empty() && contents.front() == kDerSequence) return KeystoreType::kPkcs12;
  return {Code::kInvalidArgument, "neither a PKCS#12 nor a JCEKS keystore"};
}

Result<FoundKey> find_secret_key(ByteView contents, const std::string& alias, const Passwords& passwords,
                                 WorkBudget& budget) {
  COFFER_ASSIGN(const KeystoreType type, type_of(contents));
  return type == KeystoreType::kPkcs12 ? find_in_pkcs12(contents, alias, passwords, budget)
                                       : find_in_jceks(contents, alias, passwords, budget);
}

Status generate_key_in_keystore(Disk& disk, const std::string& path, const std::string& alias, int bits,
                                const Passwords& passwords) {
  constexpr uint32_t kMode = 0600;
  if (bits != 128 && bits != 192 && bits != 256) {
    return {Code::kInvalidArgument, "a root key has 128, 192 or 256 bits, not " + std::to_string(bits)};
  }
  const bool plain = !has_control(alias);
  if (alias.empty() || alias.size() > kAliasSizeMax || !plain) {
    return {Code::kInvalidArgument, "alias: expected 1 to 255 bytes of text, such as alias=root"};
  }
  if (passwords.store.empty()) return {Code::kInvalidArgument, "store_password: expected one that is not empty"};
  // Held from reading to replacing, or one of two keys made at once would be lost.
  COFFER_ASSIGN(const auto lock, disk.lock(path + ".lock", true));
  auto before = read_private_file(path, kKeystoreSizeMax);
  const bool is_new = before.code() == Code::kNotFound;
  if (!before.is_ok() && !is_new) return before.status();
  const ByteView contents = is_new ? ByteView() : before->reveal();
  if (!is_new) COFFER_TRY(check_free(contents, alias, passwords).with_context(path));
  COFFER_ASSIGN(const RootKey key, random_key<RootRole>(static_cast<size_t>(bits) / 8));
  auto after = with_secret_key(contents, alias, key, passwords.store, passwords.for_keys());
  if (!after.is_ok()) return after.status().with_context(path);
  if (after->size() > kKeystoreSizeMax) return {Code::kLimitExceeded, path + ": it would be larger than 4 MiB"};
  return replace_file(disk, path, *after, kMode);
}

}  // namespace coffer::keystore
