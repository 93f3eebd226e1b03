#include "coffer/providers/recipient/private_half.h"

#include <unistd.h>

#include <algorithm>

#include "coffer/config/prompt.h"
#include "coffer/crypto/hpke.h"
#include "coffer/crypto/scrypt.h"
#include "coffer/providers/recipient/split.h"

namespace coffer::recipient {
namespace {

constexpr size_t kPemSizeMax = size_t{16} << 10;
constexpr size_t kShareFileSizeMax = size_t{16} << 10;
constexpr int kMistakesMax = 5;

Status nobody_to_ask(const std::string& what, const std::string& option) {
  return {Code::kPermissionDenied, what +
                                       " is needed, and standard input is no terminal where somebody could be asked " +
                                       "for it; name the root with " + option};
}

Result<SecretBytes> passphrase_of(const Settings& settings, const std::string& what) {
  if (settings.passphrase.given()) return read_secret(settings.passphrase);
  if (::isatty(STDIN_FILENO) != 1) {
    return nobody_to_ask("the passphrase of " + what, "--root 'NAME?passphrase_file=PATH'");
  }
  return ask_secret(STDIN_FILENO, STDERR_FILENO, "passphrase of " + what + ": ", kPassphraseSizeMax);
}

Result<X25519Private> key_of_file(const Settings& settings) {
  if (settings.key_path.empty()) {
    return {Code::kPermissionDenied, "its private key is not here; name the root with --root 'NAME?key=PATH'"};
  }
  COFFER_ASSIGN(const SecretBytes pem, read_private_file(settings.key_path, kPemSizeMax));
  auto key = x25519_private_of_pem(pem.reveal(), [&] { return passphrase_of(settings, settings.key_path); });
  return key.is_ok() ? std::move(key) : key.status().with_context(settings.key_path);
}

Status read_shares(const std::string& path, ShareSet& shares) {
  COFFER_ASSIGN(const SecretBytes contents, read_private_file(path, kShareFileSizeMax));
  for (ByteView rest = contents.reveal(); !rest.empty();) {
    const auto end = std::ranges::find(rest, uint8_t{'\n'});
    const ByteView line(rest.begin(), end);
    rest = ByteView(end == rest.end() ? end : end + 1, rest.end());
    if (as_text(line).find_first_not_of(" \t\r") == std::string_view::npos) continue;
    COFFER_TRY(shares.add(line).with_context(path));
  }
  return Status::ok();
}

// Whoever mistypes one of five long lines is asked for that one again.
Status ask_shares(const Settings& settings, ShareSet& shares) {
  if (::isatty(STDIN_FILENO) != 1) return nobody_to_ask("a share", "--root 'NAME?shares_file=PATH,PATH…'");
  std::string mistake;
  for (int mistakes = 0; shares.missing() > 0;) {
    const std::string question = mistake + "share " + std::to_string(settings.threshold - shares.missing() + 1) +
                                 " of the " + std::to_string(settings.threshold) + " that are needed: ";
    COFFER_ASSIGN(const SecretBytes line, ask_secret(STDIN_FILENO, STDERR_FILENO, question, kShareSizeMax));
    const Status added = shares.add(line.reveal());
    mistake = added.is_ok() ? "" : std::string(added.message()) + "\n";
    if (!added.is_ok() && ++mistakes == kMistakesMax) return added;
  }
  return Status::ok();
}

Result<X25519Private> key_of_shares(const Settings& settings) {
  ShareSet shares(settings.recipient, settings.threshold);
  for (const std::string& path : settings.share_files) COFFER_TRY(read_shares(path, shares));
  if (settings.share_files.empty()) COFFER_TRY(ask_shares(settings, shares));
  return shares.combine();
}

Result<X25519Private> key_of(const Settings& settings) {
  if (settings.source == Source::kKeyFile) return key_of_file(settings);
  if (settings.source == Source::kShares) return key_of_shares(settings);
  COFFER_ASSIGN(const SecretBytes passphrase, passphrase_of(settings, "the slot"));
  return key_of_passphrase(passphrase, settings.salt, settings.scrypt_log2);
}

std::string_view what_is_wrong(Source source) {
  switch (source) {
    case Source::kKeyFile: return "the private key is another one's: it does not belong to the slot's public key";
    case Source::kPassphrase: return "the passphrase is not the one that the slot was made with";
    case Source::kShares: return "the shares do not give the slot's private key: one of them is forged";
  }
  return "";
}

}  // namespace

Result<X25519Private> key_of_passphrase(const SecretBytes& passphrase, ByteView salt, int scrypt_log2) {
  COFFER_ASSIGN(const SecretBytes derived, scrypt(passphrase.reveal(), salt, scrypt_log2, kX25519Size));
  return hpke_derive_private(derived.reveal());
}

Result<X25519Private> private_half(const Settings& settings) {
  COFFER_ASSIGN(X25519Private key, key_of(settings));
  COFFER_ASSIGN(const X25519Public recipient, x25519_public(key));
  if (recipient == settings.recipient) return key;
  return {Code::kWrongKey, std::string(what_is_wrong(settings.source))};
}

}  // namespace coffer::recipient
