#include "coffer/format/directory_names.h"

#include <algorithm>

#include "coffer/base/base32.h"
#include "coffer/base/check.h"
#include "coffer/crypto/random.h"
#include "coffer/format/key_schedule.h"

namespace coffer {
namespace {

// Which things are sealed, for associated data.
constexpr uint8_t kSealedName = 1, kSealedLinks = 2, kSealedTarget = 3;

// Names and targets are filled up with zeros, which neither can have, to a multiple of this: lengths tell less.
constexpr size_t kStep = 16;
constexpr size_t kTag = AesSiv::kTagSize;
constexpr size_t kLongSize = base32_size(kTag);
constexpr std::string_view kLinkSuffix = ".name";
constexpr size_t kTargetNonceSize = 16;

size_t filled_up(size_t size) { return (size + kStep - 1) / kStep * kStep; }

Bytes fill_up(std::string_view text) {
  Bytes out(filled_up(text.size()));
  std::ranges::copy(as_bytes(text), out.begin());
  return out;
}

Status not_sealed_here(std::string_view what) {
  return {Code::kTampered, std::string(what) + " was not sealed with this directory's key"};
}

// Seals under the key for that one thing.
Result<Bytes> seal_as(const AesSiv& key, uint8_t what, ByteView nonce, ByteView plaintext) {
  const ByteView associated[] = {{&what, 1}, nonce};
  Bytes out(kTag + plaintext.size());
  COFFER_TRY(key.seal(AesSiv::Associated(associated).first(nonce.empty() ? 1 : 2), plaintext, out));
  return out;
}

Result<Bytes> open_as(const AesSiv& key, uint8_t what, ByteView nonce, ByteView sealed) {
  const ByteView associated[] = {{&what, 1}, nonce};
  Bytes out(sealed.size() - kTag);
  COFFER_TRY(key.open(AesSiv::Associated(associated).first(nonce.empty() ? 1 : 2), sealed, out));
  return out;
}

// The text that was filled up; nothing for what no text becomes by that.
std::optional<std::string> emptied(ByteView bytes, size_t size_max) {
  const auto end = std::ranges::find(bytes, 0);
  const auto size = static_cast<size_t>(end - bytes.begin());
  const bool is_canonical = size > 0 && size <= size_max && filled_up(size) == bytes.size() &&
                            std::all_of(end, bytes.end(), [](uint8_t byte) { return byte == 0; });
  if (!is_canonical) return std::nullopt;
  return std::string(as_text(bytes.first(size)));
}

bool is_name(std::string_view text) { return text != "." && text != ".." && text.find('/') == std::string_view::npos; }

// Whether something of this size may be tag and ciphertext.
bool is_sealed_size(size_t size, size_t size_max) {
  return size >= kTag + kStep && size <= kTag + filled_up(size_max) && size % kStep == 0;
}

// What a symbolic link leads to: in parts that could be names, so that whoever follows it finds nothing there.
std::string link_text(ByteView bytes) {
  std::string out = encode_base32(bytes);
  for (size_t at = kNameSizeMax; at < out.size(); at += kNameSizeMax + 1) out.insert(at, 1, '/');
  return out;
}

std::optional<Bytes> bytes_of_link(std::string_view text) {
  std::string digits(text);
  std::erase(digits, '/');
  auto bytes = decode_base32(digits);
  if (!bytes || link_text(*bytes) != text) return std::nullopt;
  return bytes;
}

}  // namespace

StoredForm stored_form(std::string_view stored) {
  if (stored == kDirectoryFileName) return StoredForm::kDirectoryFile;
  if (stored.starts_with(kUnfinishedPrefix)) return StoredForm::kUnfinished;
  const bool is_link = stored.ends_with(kLinkSuffix);
  const std::string_view text = is_link ? name_of_link(stored) : stored;
  if (text.size() == kLongSize && decode_base32(text)) {
    return is_link ? StoredForm::kLongNameLink : StoredForm::kLongName;
  }
  const auto bytes = is_link ? std::nullopt : decode_base32(text);
  return bytes && is_sealed_size(bytes->size(), kShortNameSizeMax) ? StoredForm::kName : StoredForm::kForeign;
}

std::string long_name_link(std::string_view stored) { return std::string(stored) + std::string(kLinkSuffix); }

std::string_view name_of_link(std::string_view link) { return link.substr(0, link.size() - kLinkSuffix.size()); }

Result<DirectoryKey> DirectoryKey::create(const FileKey& file_key, const Id& file_id, ByteView body) {
  COFFER_ASSIGN(const SivKey names_key, directory_names_key(file_key, file_id));
  COFFER_ASSIGN(AesSiv names, AesSiv::create(names_key));
  SecretBytes links(kDirectoryBodySize - kTag);
  const ByteView associated[] = {{&kSealedLinks, 1}};
  if (body.size() != kDirectoryBodySize) return not_sealed_here("its body");
  if (!names.open(associated, body, links.reveal_mutable()).is_ok()) return not_sealed_here("its body");
  COFFER_ASSIGN(auto resting, RestingKey<LinksRole>::seal(LinksKey(std::move(links))));
  return DirectoryKey(std::move(names), std::move(resting));
}

Result<Bytes> DirectoryKey::seal_body(const FileKey& file_key, const Id& file_id, const LinksKey& links) {
  COFFER_REQUIRE(links.size() == AesSiv::kKeySize, "links of a directory have a key of 64 bytes");
  COFFER_ASSIGN(const SivKey names_key, directory_names_key(file_key, file_id));
  COFFER_ASSIGN(const AesSiv names, AesSiv::create(names_key));
  return seal_as(names, kSealedLinks, {}, links.reveal());
}

Result<StoredName> DirectoryKey::seal_name(std::string_view name) const {
  COFFER_REQUIRE(!name.empty() && name.size() <= kNameSizeMax, "a name has 1 to 255 bytes");
  COFFER_ASSIGN(const Bytes sealed, seal_as(names_, kSealedName, {}, fill_up(name)));
  if (name.size() <= kShortNameSizeMax) return StoredName{encode_base32(sealed), {}};
  return StoredName{encode_base32(ByteView(sealed).first(kTag)), link_text(ByteView(sealed).subspan(kTag))};
}

Result<std::string> DirectoryKey::open_name(std::string_view stored, std::string_view rest) const {
  auto sealed = decode_base32(stored);
  const auto more = bytes_of_link(rest);
  if (!sealed || !more) return not_sealed_here("a name");
  sealed->insert(sealed->end(), more->begin(), more->end());
  if (!is_sealed_size(sealed->size(), kNameSizeMax)) return not_sealed_here("a name");
  COFFER_ASSIGN(const Bytes opened, open_as(names_, kSealedName, {}, *sealed));
  auto name = emptied(opened, kNameSizeMax);
  // There is one stored form for each name (D1).
  if (!name || !is_name(*name) || rest.empty() != (name->size() <= kShortNameSizeMax)) {
    return not_sealed_here("a name");
  }
  return std::move(*name);
}

Result<std::string> DirectoryKey::seal_target(std::string_view target) const {
  if (target.size() > kTargetSizeMax) {
    return {Code::kLimitExceeded, "a symbolic link in a store with encrypted names leads to at most " +
                                      std::to_string(kTargetSizeMax) + " bytes"};
  }
  COFFER_ASSIGN(const LinksKey key, links());
  COFFER_ASSIGN(const AesSiv siv, AesSiv::create(SivKey::copy_of(key.reveal())));
  Bytes out(kTargetNonceSize);
  COFFER_TRY(random_bytes(out));
  COFFER_ASSIGN(const Bytes sealed, seal_as(siv, kSealedTarget, out, fill_up(target)));
  out.insert(out.end(), sealed.begin(), sealed.end());
  return link_text(out);
}

Result<std::string> DirectoryKey::open_target(std::string_view stored) const {
  const auto bytes = bytes_of_link(stored);
  if (!bytes || !is_sealed_size(bytes->size() - std::min(bytes->size(), kTargetNonceSize), kTargetSizeMax)) {
    return not_sealed_here("a target");
  }
  COFFER_ASSIGN(const LinksKey key, links());
  COFFER_ASSIGN(const AesSiv siv, AesSiv::create(SivKey::copy_of(key.reveal())));
  const ByteView nonce = ByteView(*bytes).first(kTargetNonceSize);
  COFFER_ASSIGN(const Bytes opened, open_as(siv, kSealedTarget, nonce, ByteView(*bytes).subspan(kTargetNonceSize)));
  auto target = emptied(opened, kTargetSizeMax);
  if (!target) return not_sealed_here("a target");
  return std::move(*target);
}

Result<bool> DirectoryKey::has_links(const LinksKey& key) const {
  COFFER_ASSIGN(const LinksKey mine, links());
  return equal_constant_time(mine.reveal(), key.reveal());
}

void DirectoryKey::drop_key() {
  names_.drop_key();
  links_ = {};
}

}  // namespace coffer
