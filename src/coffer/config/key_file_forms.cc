// The forms of key files, recognised and read: docs/keys.md, "Key files".
#include <algorithm>
#include <charconv>

#include "coffer/base/base64.h"
#include "coffer/base/text.h"
#include "coffer/config/jwk.h"
#include "coffer/config/key_file.h"
#include "coffer/config/uri.h"

namespace coffer {
namespace {

constexpr size_t kRawIdSize = 32;
constexpr size_t kYugabyteStartSize = 16;  // 12 bytes of nonce, 4 of counter: for its data, not for its key

constexpr std::string_view kKnownForms =
    "accepted are: 48, 56 or 64 bytes (a 32-byte key id and an AES key, as CockroachDB writes them), its JSON Web Key "
    "form, 16, 24 or 32 bytes (an AES key alone), a line cipher:bits:base64, or, with form=yugabyte in the URI, 32, 40 "
    "or "
    "48 bytes (a universe key of YugabyteDB)";

Status refused(std::string why) { return {Code::kInvalidArgument, std::move(why)}; }

bool is_key_size(size_t size) { return size == 16 || size == 24 || size == 32; }
bool is_raw_size(size_t size) { return is_key_size(size) || (size > kRawIdSize && is_key_size(size - kRawIdSize)); }

bool is_space(uint8_t c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool is_text(uint8_t c) { return is_space(c) || (c > 0x20 && c < 0x7f); }

// "cockroach-aes-256-ctr-v2" → 256. The cipher mode is CockroachDB's for its data; here the key only wraps.
int bits_of_algorithm(std::string_view alg) {
  constexpr std::string_view kStart = "cockroach-aes-";
  if (!alg.starts_with(kStart)) return 0;
  alg.remove_prefix(kStart.size());
  for (int bits : {128, 192, 256}) {
    for (const char* end : {"-ctr-v1", "-ctr-v2"}) {
      if (alg == std::to_string(bits) + end) return bits;
    }
  }
  return 0;
}

Result<KeyFile> parse_jwk(ByteView contents) {
  COFFER_ASSIGN(JwkMembers jwk, read_jwk(contents));
  if (as_text(jwk.kty) != "oct") return refused("its kty must be \"oct\"");
  const int bits = bits_of_algorithm(as_text(jwk.alg));
  if (bits == 0) return refused("its alg must be cockroach-aes-128-ctr-v2, -192- or -256-, or the same with -v1");
  auto key_id = from_hex(as_text(jwk.kid));
  if (!key_id.is_ok() || key_id->empty() || key_id->size() > kKeyIdSizeMax) {
    return refused("its kid must be 2 to 128 hexadecimal digits, an even number");
  }
  auto key = decode_base64(jwk.k, Base64Alphabet::kUrl);
  if (!key.is_ok()) return key.status().with_context("its k");
  // CockroachDB itself writes aes-192-ctr-v2 above 256-bit keys.
  const bool misnamed = as_text(jwk.alg) == "cockroach-aes-192-ctr-v2" && key->size() == 32;
  if (key->size() * 8 != static_cast<size_t>(bits) && !misnamed) {
    return refused("its k has " + std::to_string(key->size() * 8) + " bits, its alg says " + std::to_string(bits));
  }
  return KeyFile{RootKey(std::move(*key)), std::move(*key_id)};
}

Status check_cipher(std::string_view cipher) {
  if (cipher == "AES" || cipher.starts_with("AES/")) return {};
  for (std::string_view known : {"DESede", "DES", "Blowfish", "RC2"}) {
    if (cipher == known || cipher.starts_with(std::string(known) + "/")) {
      return refused("its cipher is " + std::string(known) + "; a root key must be an AES key");
    }
  }
  return refused("its line must begin with AES, as in AES/CBC/PKCS5Padding:256:…");
}

// DataStax's system keys: "AES/CBC/PKCS5Padding:256:…". Mode and padding are for its data; here the key only wraps.
Result<KeyFile> parse_line(ByteView contents) {
  const std::string_view line = trimmed(as_text(contents));
  if (line.find('\n') != std::string_view::npos) {
    return refused("it has several lines; put the one key to be used in a file of its own");
  }
  const size_t first = line.find(':');
  const size_t second = line.find(':', first + 1);
  if (second == std::string_view::npos) return refused("its line is not cipher:bits:base64");
  COFFER_TRY(check_cipher(line.substr(0, first)));
  const std::string_view digits = line.substr(first + 1, second - first - 1);
  int bits = 0;
  auto [end, error] = std::from_chars(digits.begin(), digits.end(), bits);
  if (error != std::errc() || end != digits.end() || (bits != 128 && bits != 192 && bits != 256)) {
    return refused("its line must give 128, 192 or 256 bits");
  }
  auto key = decode_base64(as_bytes(line.substr(second + 1)), Base64Alphabet::kStandard);
  if (!key.is_ok()) return key.status().with_context("its key");
  if (key->size() * 8 != static_cast<size_t>(bits)) {
    return refused("its key has " + std::to_string(key->size() * 8) + " bits, its line says " + std::to_string(bits));
  }
  return KeyFile{RootKey(std::move(*key)), {}};
}

Result<KeyFile> parse_raw(ByteView contents) {
  if (is_key_size(contents.size())) return KeyFile{RootKey::copy_of(contents), {}};
  ByteView id = contents.first(kRawIdSize);
  return KeyFile{RootKey::copy_of(contents.subspan(kRawIdSize)), Bytes(id.begin(), id.end())};
}

// "nonce ‖ counter ‖ key". It has no id of its own: YugabyteDB's registry names it.
Result<KeyFile> parse_yugabyte(ByteView contents, bool text) {
  constexpr std::string_view kExpected =
      "a universe key of YugabyteDB has 32, 40 or 48 bytes: a 12-byte nonce, a 4-byte counter and an AES key; leave "
      "form=yugabyte out for a key file of another form";
  if (text) return refused("it holds text; " + std::string(kExpected));
  if (contents.size() < kYugabyteStartSize || !is_key_size(contents.size() - kYugabyteStartSize)) {
    return refused("it has " + std::to_string(contents.size()) + " bytes; " + std::string(kExpected));
  }
  return KeyFile{RootKey::copy_of(contents.subspan(kYugabyteStartSize)), {}};
}

}  // namespace

Result<KeyFileReading> take_key_file_form(UriOptions& options) {
  static constexpr Choice<KeyFileReading> kForms[] = {{"yugabyte", KeyFileReading::kYugabyte}};
  return options.take_choice("form", kForms, KeyFileReading::kByContents);
}

// What is text is read as text, even when its size would pass for a raw key: passphrases and encoded keys are no keys,
// and 16 random bytes are text once in five million times, which shows when the key is first used.
Result<KeyFile> parse_key_file(ByteView contents, KeyFileReading reading) {
  if (contents.empty()) return refused("it is empty");
  const bool text = std::all_of(contents.begin(), contents.end(), is_text);
  if (reading == KeyFileReading::kYugabyte) return parse_yugabyte(contents, text);
  const std::string_view shown = trimmed(as_text(contents));
  if (shown.starts_with('{') && (text || !is_raw_size(contents.size()))) return parse_jwk(contents);
  if (text && std::find(contents.begin(), contents.end(), ':') != contents.end()) return parse_line(contents);
  if (text) {
    return refused(
        "it holds text, not the bytes of a key; decode it first if it is hexadecimal or base64 (xxd -r -p, "
        "base64 -d); " +
        std::string(kKnownForms));
  }
  if (is_raw_size(contents.size())) return parse_raw(contents);
  return refused("it has " + std::to_string(contents.size()) + " bytes, which is no form of key; " +
                 std::string(kKnownForms));
}

}  // namespace coffer
