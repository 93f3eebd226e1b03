#include "coffer/ops/sought.h"

#include "coffer/base/base64.h"

namespace coffer {
namespace {

constexpr size_t kPieceSize = 16;
constexpr size_t kCipherWordSize = 4;

SecretBytes words_turned(ByteView piece) {
  SecretBytes out(piece.size());
  MutableBytes to = out.reveal_mutable();
  for (size_t at = 0; at + kCipherWordSize <= piece.size(); at += kCipherWordSize) {
    std::reverse_copy(piece.begin() + at, piece.begin() + at + kCipherWordSize, to.begin() + at);
  }
  return out;
}

SecretBytes hex_of(ByteView bytes, std::string_view digits) {
  SecretBytes out(bytes.size() * 2);
  MutableBytes to = out.reveal_mutable();
  for (size_t i = 0; i < bytes.size(); ++i) {
    to[2 * i] = static_cast<uint8_t>(digits[bytes[i] >> 4]);
    to[2 * i + 1] = static_cast<uint8_t>(digits[bytes[i] & 15]);
  }
  return out;
}

// The digits that say nothing but these bytes, where `before` bytes of their group of three stand in front of them.
SecretBytes base64_of(ByteView bytes, size_t before, Base64Alphabet alphabet) {
  SecretBytes group(before + bytes.size());
  std::copy(bytes.begin(), bytes.end(), group.reveal_mutable().begin() + static_cast<ptrdiff_t>(before));
  const bool url = alphabet == Base64Alphabet::kUrl;
  SecretBytes text(url ? base64url_size(group.size()) : base64_size(group.size()));
  (url ? encode_base64url : encode_base64)(group.reveal(), text.reveal_mutable());
  const size_t begin = (before * 8 + 5) / 6;
  const size_t end = group.size() * 8 / 6;
  return SecretBytes::copy_of(text.reveal().subspan(begin, end - begin));
}

}  // namespace

void SoughtSecrets::add_key(Sought what, ByteView key) {
  COFFER_REQUIRE(key.size() >= kPieceSize, "a key that is searched for has 16 bytes or more");
  what.size = key.size();
  const size_t secret = all_.size();
  const bool for_ciphers_only = what.kind == SoughtKind::kFileKey;
  all_.push_back(std::move(what));
  for (size_t at = 0; at < key.size(); at += kPieceSize) {
    const ByteView piece = key.subspan(std::min(at, key.size() - kPieceSize), kPieceSize);
    add(secret, SoughtForm::kAsIs, piece);
    add(secret, SoughtForm::kWordsTurned, words_turned(piece).reveal());
    // Nobody writes down the keys of single files, of which there may be very many.
    if (!for_ciphers_only) add_text(secret, piece);
  }
}

void SoughtSecrets::add_canary(Sought what, ByteView canary) {
  what.size = canary.size();
  all_.push_back(std::move(what));
  add(all_.size() - 1, SoughtForm::kAsIs, canary);
  add_text(all_.size() - 1, canary);
}

void SoughtSecrets::add_text(size_t secret, ByteView piece) {
  add(secret, SoughtForm::kHex, hex_of(piece, "0123456789abcdef").reveal());
  add(secret, SoughtForm::kHex, hex_of(piece, "0123456789ABCDEF").reveal());
  for (size_t before = 0; before < 3; ++before) {
    add(secret, SoughtForm::kBase64, base64_of(piece, before, Base64Alphabet::kStandard).reveal());
    add(secret, SoughtForm::kBase64, base64_of(piece, before, Base64Alphabet::kUrl).reveal());
  }
}

size_t SoughtSecrets::size_in(const Tag& tag) const {
  const size_t size = all_[tag.secret].size;
  switch (tag.form) {
    case SoughtForm::kAsIs:
    case SoughtForm::kWordsTurned: return size;
    case SoughtForm::kHex: return 2 * size;
    case SoughtForm::kBase64: return base64_size(size);
  }
  return size;
}

}  // namespace coffer
