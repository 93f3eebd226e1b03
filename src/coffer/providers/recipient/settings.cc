#include "coffer/providers/recipient/settings.h"

#include <algorithm>

#include "coffer/base/base64.h"
#include "coffer/base/path.h"
#include "coffer/crypto/scrypt.h"

namespace coffer::recipient {
namespace {

constexpr std::string_view kKem = "x25519/";
constexpr std::string_view kForm = "recipient:x25519/PUBLIC-KEY, the key's 32 bytes in base64url";

// Exactly `size` bytes in the only form they have, so that a URI names them in one way.
std::optional<Bytes> decode_exactly(std::string_view text, size_t size) {
  const auto decoded = decode_base64(as_bytes(text), Base64Alphabet::kUrl);
  if (!decoded.is_ok() || decoded->size() != size) return std::nullopt;
  Bytes out(decoded->reveal().begin(), decoded->reveal().end());
  if (base64url_text(out) != text) return std::nullopt;
  return out;
}

std::optional<X25519Public> decode_public(std::string_view text) {
  const std::optional<Bytes> bytes = decode_exactly(text, kX25519Size);
  if (!bytes.has_value()) return std::nullopt;
  X25519Public out{};
  std::ranges::copy(*bytes, out.begin());
  return out;
}

Status take_passphrase_cost(UriOptions& options, Settings& settings) {
  COFFER_ASSIGN(const uint64_t cost, options.take_number("scrypt", 0, kScryptLog2Min, kScryptLog2Max));
  const std::optional<std::string> salt = options.take("salt");
  if (cost == 0 && !salt.has_value()) return Status::ok();
  if (cost == 0) return options.wrong("salt", "scrypt beside it");
  const std::optional<Bytes> decoded = decode_exactly(salt.value_or(""), kSaltSize);
  if (!decoded.has_value()) return options.wrong("salt", "16 bytes in base64url");
  settings.source = Source::kPassphrase;
  settings.scrypt_log2 = static_cast<int>(cost);
  settings.salt = *decoded;
  return Status::ok();
}

// One or two digits.
int small_number(std::string_view text) {
  if (text.empty() || text.size() > 2 || text.find_first_not_of("0123456789") != std::string_view::npos) return 0;
  return std::stoi(std::string(text));
}

Status take_shares(const ProviderUri& uri, UriOptions& options, Settings& settings) {
  const std::optional<std::string> shares = options.take("shares");
  const std::optional<std::string> files = options.take("shares_file");
  if (!shares.has_value()) return files.has_value() ? options.wrong("shares_file", "shares beside it") : Status::ok();
  const size_t slash = std::min(shares->find('/'), shares->size());
  settings.threshold = small_number(std::string_view(*shares).substr(0, slash));
  settings.share_count = slash < shares->size() ? small_number(std::string_view(*shares).substr(slash + 1)) : 0;
  if (settings.threshold < 2 || settings.share_count < settings.threshold || settings.share_count > kShareCountMax) {
    return options.wrong("shares", "M/N: M of N shares, from 2/2 to 16/16");
  }
  settings.source = Source::kShares;
  for (const std::string_view path : files.has_value() ? split_list(*files) : std::vector<std::string_view>()) {
    const bool must_be_absolute = uri.option_places.contains("shares_file");
    if (path.empty() || (must_be_absolute && path.front() != '/')) {
      return options.wrong("shares_file", "absolute paths, with commas between them");
    }
    settings.share_files.push_back(absolute_path(std::string(path)));
  }
  return Status::ok();
}

Status take_sources(const ProviderUri& uri, UriOptions& options, Settings& settings) {
  COFFER_TRY(take_passphrase_cost(options, settings));
  const bool by_passphrase = settings.source == Source::kPassphrase;
  COFFER_TRY(take_shares(uri, options, settings));
  const bool by_shares = settings.source == Source::kShares;
  if (by_passphrase && by_shares) return options.wrong("shares", "no scrypt beside it: it is one or the other");
  COFFER_ASSIGN(settings.key_path, options.take_path("key"));
  if (!settings.key_path.empty() && (by_passphrase || by_shares)) {
    return options.wrong("key", "neither scrypt nor shares beside it: the private key comes from one place");
  }
  COFFER_ASSIGN(settings.passphrase, options.take_secret("passphrase"));
  if (settings.passphrase.given() && by_shares) {
    return {Code::kInvalidArgument, "root key URI: shares have no passphrase; give shares_file, or nothing"};
  }
  return Status::ok();
}

}  // namespace

bool Settings::opens_by_itself() const {
  switch (source) {
    case Source::kKeyFile: return !key_path.empty();
    case Source::kPassphrase: return passphrase.given();
    case Source::kShares: return !share_files.empty();
  }
  return false;
}

std::string Settings::kind() const {
  if (source == Source::kPassphrase) return "passphrase";
  if (source == Source::kKeyFile) return "private key";
  return std::to_string(threshold) + " of " + std::to_string(share_count) + " shares";
}

Result<Settings> settings_of(const ProviderUri& uri, const ProviderConfig& config) {
  Settings out;
  const std::string_view path = uri.path;
  const std::optional<X25519Public> recipient =
      path.starts_with(kKem) ? decode_public(path.substr(kKem.size())) : std::nullopt;
  if (uri.authority.has_value() || !recipient.has_value()) {
    return {Code::kInvalidArgument, "expected " + std::string(kForm)};
  }
  out.recipient = *recipient;
  UriOptions options(uri, config.sealing_key);
  if (const std::optional<std::string> from = options.take("from")) {
    out.sender = decode_public(*from);
    if (!out.sender.has_value()) return options.wrong("from", "the sender's public key, 32 bytes in base64url");
  }
  COFFER_TRY(take_sources(uri, options, out));
  COFFER_TRY(options.finish());
  out.uri = options.kept();
  return out;
}

}  // namespace coffer::recipient
