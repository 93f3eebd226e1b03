#include "coffer/providers/recipient/shares.h"

#include <algorithm>

#include "coffer/base/codec.h"
#include "coffer/base/crc32c.h"
#include "coffer/crypto/kdf.h"
#include "coffer/providers/recipient/settings.h"

namespace coffer::recipient {
namespace {

constexpr std::string_view kBeginning = "coffer-share-1-";
constexpr size_t kGroupSize = 4;  // bytes; twice as many digits
constexpr size_t kGroups = kX25519Size / kGroupSize;

constexpr char kDigits[] = "0123456789abcdef";

// Writes text into secret memory.
class Line {
 public:
  explicit Line(size_t size_max) : text_(size_max) {}

  void put(char c) { text_.reveal_mutable()[size_++] = static_cast<uint8_t>(c); }
  void put(std::string_view text) {
    for (const char c : text) put(c);
  }
  void put_hex(ByteView bytes) {
    for (const uint8_t byte : bytes) {
      put(kDigits[byte >> 4]);
      put(kDigits[byte & 15]);
    }
  }
  ByteView view() const { return text_.reveal().first(size_); }
  SecretBytes take() const { return SecretBytes::copy_of(view()); }

 private:
  SecretBytes text_;
  size_t size_ = 0;
};

std::array<uint8_t, 4> check_of(ByteView line) {
  const uint32_t crc = crc32c(line);
  return {static_cast<uint8_t>(crc >> 24), static_cast<uint8_t>(crc >> 16), static_cast<uint8_t>(crc >> 8),
          static_cast<uint8_t>(crc)};
}

// Without blanks, in lower case.
Line canonical(ByteView typed) {
  Line out(typed.size());
  for (const uint8_t c : typed) {
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') continue;
    out.put(static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c));
  }
  return out;
}

std::string_view next_part(std::string_view& rest) {
  const size_t dash = std::min(rest.find('-'), rest.size());
  const std::string_view part = rest.substr(0, dash);
  rest.remove_prefix(std::min(dash + 1, rest.size()));
  return part;
}

bool read_number(std::string_view part, int& out) {
  if (part.empty() || part.size() > 2) return false;
  out = 0;
  for (const char c : part) {
    if (c < '0' || c > '9') return false;
    out = 10 * out + (c - '0');
  }
  return out >= 1 && out <= kShareCountMax;
}

bool read_group(std::string_view part, MutableBytes out) {
  if (part.size() != 2 * out.size()) return false;
  std::fill(out.begin(), out.end(), uint8_t{0});
  for (size_t i = 0; i < part.size(); ++i) {
    const char* const digit = std::find(kDigits, kDigits + 16, part[i]);
    if (digit == kDigits + 16) return false;
    out[i / 2] = static_cast<uint8_t>(out[i / 2] << 4 | (digit - kDigits));
  }
  return true;
}

Status mistyped(const std::string& part) {
  return {Code::kInvalidArgument, "the share is mistyped: " + part + "; compare it with what was written down"};
}

}  // namespace

Result<ShareSetId> share_set_id(const X25519Public& recipient) {
  COFFER_ASSIGN(const Sha256 hash, sha256(labelled("coffer/v1 share set", recipient)));
  ShareSetId out;
  std::copy_n(hash.begin(), out.size(), out.begin());
  return out;
}

Result<SecretBytes> format_share(const Share& share) {
  Line line(kShareSizeMax);
  line.put(kBeginning);
  line.put(std::to_string(share.threshold) + "-" + std::to_string(share.index) + "-");
  line.put_hex(share.set);
  for (size_t group = 0; group < kGroups; ++group) {
    line.put('-');
    line.put_hex(share.data.reveal().subspan(kGroupSize * group, kGroupSize));
  }
  const auto check = check_of(line.view());
  line.put('-');
  line.put_hex(check);
  return line.take();
}

Result<Share> parse_share(ByteView typed) {
  if (typed.size() > kShareSizeMax) return {Code::kInvalidArgument, "it is too long for a share"};
  const Line line = canonical(typed);
  std::string_view rest = as_text(line.view());
  if (!rest.starts_with(kBeginning)) {
    return {Code::kInvalidArgument, "it is no share: one begins with " + std::string(kBeginning)};
  }
  rest.remove_prefix(kBeginning.size());
  Share out;
  if (!read_number(next_part(rest), out.threshold)) return mistyped("the number of shares that are needed");
  if (!read_number(next_part(rest), out.index)) return mistyped("its own number");
  const std::string name = "share " + std::to_string(out.index);
  if (!read_group(next_part(rest), out.set)) return mistyped(name + ", the name of its set, 8 hexadecimal digits");
  out.data = SecretBytes(kX25519Size);
  for (size_t group = 0; group < kGroups; ++group) {
    if (read_group(next_part(rest), out.data.reveal_mutable().subspan(kGroupSize * group, kGroupSize))) continue;
    return mistyped(name + ", group " + std::to_string(group + 1) + " of 8, which has 8 hexadecimal digits");
  }
  const size_t checked = line.view().size() - std::min(line.view().size(), rest.size() + 1);
  std::array<uint8_t, 4> check;
  if (!read_group(rest, check)) return mistyped(name + ", its last 8 hexadecimal digits");
  if (check != check_of(line.view().first(checked))) return mistyped(name + ", its checksum does not fit");
  return out;
}

}  // namespace coffer::recipient
