#include "support/kmip_text/scalars.h"

#include <charconv>
#include <chrono>
#include <cstdio>

namespace coffer::kmip {
namespace {

constexpr int64_t kMicroseconds = 1'000'000;
constexpr int64_t kSecondsPerDay = 86400;
constexpr int64_t kYear1Seconds = -62135596800;      // 0001-01-01T00:00:00Z
constexpr int64_t kYear10000Seconds = 253402300800;  // 10000-01-01T00:00:00Z

std::string hex64(int64_t value) {
  char out[24];
  std::snprintf(out, sizeof out, "0x%016llX", static_cast<unsigned long long>(value));
  return out;
}

std::string upper_hex(ByteView bytes) {
  std::string out = to_hex(bytes);
  for (char& c : out) {
    if (c >= 'a') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

template <class Number>
std::optional<Number> parse_number(std::string_view text, size_t hex_digits) {
  if (text.starts_with("0x")) {
    const auto bits = parse_hex_number(text, hex_digits);
    return bits ? std::optional(static_cast<Number>(*bits)) : std::nullopt;
  }
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Takes a number of exactly `digits` digits and then `after` ('\0': nothing) from the front of `text`.
std::optional<int> take_digits(std::string_view& text, size_t digits, char after) {
  if (text.size() < digits + (after != '\0')) return std::nullopt;
  int value = 0;
  for (char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  if (after != '\0' && text[digits] != after) return std::nullopt;
  text.remove_prefix(digits + (after != '\0'));
  return value;
}

// "Z", "+hh:mm" or "-hh:mm", in seconds; nothing means UTC.
std::optional<int64_t> take_zone(std::string_view text) {
  if (text.empty() || text == "Z") return 0;
  const int64_t sign = text[0] == '-' ? -1 : 1;
  if (text[0] != '+' && text[0] != '-') return std::nullopt;
  text.remove_prefix(1);
  const auto hours = take_digits(text, 2, ':');
  const auto minutes = hours ? take_digits(text, 2, '\0') : std::nullopt;
  if (!minutes || !text.empty() || *hours > 14 || *minutes > 59) return std::nullopt;
  return sign * (*hours * 3600 + *minutes * 60);
}

// ".123456", of up to six digits, in microseconds.
std::optional<int64_t> take_decimals(std::string_view& text) {
  if (!text.starts_with('.')) return 0;
  text.remove_prefix(1);
  int64_t value = 0;
  int64_t unit = kMicroseconds;
  while (!text.empty() && text[0] >= '0' && text[0] <= '9') {
    if (unit == 1) return std::nullopt;
    unit /= 10;
    value += (text[0] - '0') * unit;
    text.remove_prefix(1);
  }
  return unit == kMicroseconds ? std::nullopt : std::optional(value);
}

// In microseconds since the Unix epoch.
std::optional<int64_t> parse_date_time(std::string_view text) {
  const auto year = take_digits(text, 4, '-');
  const auto month = year ? take_digits(text, 2, '-') : std::nullopt;
  const auto day = month ? take_digits(text, 2, 'T') : std::nullopt;
  const auto hour = day ? take_digits(text, 2, ':') : std::nullopt;
  const auto minute = hour ? take_digits(text, 2, ':') : std::nullopt;
  const auto second = minute ? take_digits(text, 2, '\0') : std::nullopt;
  const auto decimals = second ? take_decimals(text) : std::nullopt;
  const auto zone = decimals ? take_zone(text) : std::nullopt;
  if (!zone || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  const int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const int64_t seconds = days * kSecondsPerDay + *hour * 3600 + *minute * 60 + *second - *zone;
  return seconds * kMicroseconds + *decimals;
}

Status wrong(Tag tag, ItemType type) {
  return {Code::kInvalidArgument,
          "kmip text: the value of " + describe(tag) + " is not a " + std::string(type_name(type))};
}

Status write_time(TtlvWriter& writer, Tag tag, ItemType type, std::string_view text) {
  const bool extended = type == ItemType::kDateTimeExtended;
  std::optional<int64_t> value = parse_number<int64_t>(text, 16);
  if (!value) {
    value = parse_date_time(text);
    if (value && !extended) {
      if (*value % kMicroseconds != 0) return wrong(tag, type);
      *value /= kMicroseconds;
    }
  }
  if (!value) return wrong(tag, type);
  writer.number(tag, type, static_cast<uint64_t>(*value));
  return Status::ok();
}

Status write_bytes(TtlvWriter& writer, Tag tag, ItemType type, std::string_view text) {
  const bool number = type == ItemType::kBigInteger;
  if (number && text.starts_with("0x")) text.remove_prefix(2);
  const auto bytes = from_hex(text);
  if (!bytes || (number && (bytes->empty() || bytes->size() % 8 != 0))) return wrong(tag, type);
  writer.bytes(tag, *bytes, type);
  return Status::ok();
}

}  // namespace

bool is_secret(Tag tag) {
  constexpr Tag kSecret[] = {"Key Material"_tag,
                             "Key"_tag,
                             "Data"_tag,
                             "Password"_spec,
                             "Hashed Password"_spec,
                             "Server Hashed Password"_spec,
                             "One Time Password"_spec,
                             "Opaque Data Value"_spec,
                             "Derivation Data"_spec,
                             "Ticket Value"_spec,
                             "Key Value"_tag,
                             "PKCS#11 Input Parameters"_spec,
                             "Log Message"_spec,
                             "PKCS#11 Output Parameters"_spec,
                             "D"_spec,
                             "P"_spec,
                             "Q"_spec,
                             "X"_spec,
                             "Private Exponent"_spec,
                             "Prime Exponent P"_spec,
                             "CRT Coefficient"_spec,
                             "Prime Exponent Q"_spec};
  return std::find(std::begin(kSecret), std::end(kSecret), tag) != std::end(kSecret);
}

std::string date_time_text(int64_t value, bool decimals) {
  const int64_t unit = decimals ? kMicroseconds : 1;
  const int64_t seconds = value / unit - (value % unit < 0 ? 1 : 0);
  if (seconds < kYear1Seconds || seconds >= kYear10000Seconds) return hex64(value);
  const int64_t days = seconds / kSecondsPerDay - (seconds % kSecondsPerDay < 0 ? 1 : 0);
  const int64_t second = seconds - days * kSecondsPerDay;
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(days))};
  char out[64];
  int size =
      std::snprintf(out, sizeof out, "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
                    static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                    static_cast<int>(second / 3600), static_cast<int>(second / 60 % 60), static_cast<int>(second % 60));
  std::string text(out, static_cast<size_t>(size));
  if (decimals) {
    size = std::snprintf(out, sizeof out, ".%06d", static_cast<int>(value - seconds * unit));
    text.append(out, static_cast<size_t>(size));
  }
  return text + "+00:00";
}

std::string scalar_text(const Item& item, Tag meaning, char mask_separator) {
  switch (item.type()) {
    case ItemType::kStructure: return {};
    case ItemType::kInteger: {
      const int32_t value = *item.integer();
      if (is_mask(meaning) && value != 0) return encoded_mask(meaning, static_cast<uint32_t>(value), mask_separator);
      return std::to_string(value);
    }
    case ItemType::kLongInteger: return std::to_string(static_cast<int64_t>(*item.number(item.type())));
    case ItemType::kEnumeration: return encoded_enumerator(meaning, *item.enumeration());
    case ItemType::kBoolean: return *item.number(item.type()) == 1 ? "true" : "false";
    case ItemType::kTextString: return std::string(*item.text());
    case ItemType::kBigInteger:
    case ItemType::kByteString: return upper_hex(item.value());
    case ItemType::kDateTime: return date_time_text(*item.date_time(), false);
    case ItemType::kInterval: return std::to_string(*item.number(item.type()));
    case ItemType::kDateTimeExtended: return date_time_text(static_cast<int64_t>(*item.number(item.type())), true);
  }
  return {};
}

Status write_scalar(TtlvWriter& writer, Tag tag, ItemType type, Tag meaning, std::string_view text,
                    char mask_separator) {
  switch (type) {
    case ItemType::kStructure: return wrong(tag, type);
    case ItemType::kInteger: {
      auto value = parse_number<int32_t>(text, 8);
      if (!value && !text.empty()) {
        if (const auto bits = find_encoded_mask(meaning, text, mask_separator)) value = static_cast<int32_t>(*bits);
      }
      if (!value) return wrong(tag, type);
      writer.integer(tag, *value);
      return Status::ok();
    }
    case ItemType::kLongInteger: {
      const auto value = parse_number<int64_t>(text, 16);
      if (!value) return wrong(tag, type);
      writer.number(tag, type, static_cast<uint64_t>(*value));
      return Status::ok();
    }
    case ItemType::kEnumeration: {
      const auto value = find_encoded_enumerator(meaning, text);
      if (!value) return wrong(tag, type);
      writer.enumeration(tag, *value);
      return Status::ok();
    }
    case ItemType::kBoolean:
      if (text != "true" && text != "false") return wrong(tag, type);
      writer.boolean(tag, text == "true");
      return Status::ok();
    case ItemType::kTextString:
      if (!is_utf8(text)) return wrong(tag, type);
      writer.text(tag, text);
      return Status::ok();
    case ItemType::kInterval: {
      const auto value = parse_number<uint32_t>(text, 8);
      if (!value) return wrong(tag, type);
      writer.number(tag, type, *value);
      return Status::ok();
    }
    case ItemType::kBigInteger:
    case ItemType::kByteString: return write_bytes(writer, tag, type, text);
    case ItemType::kDateTime:
    case ItemType::kDateTimeExtended: return write_time(writer, tag, type, text);
  }
  return wrong(tag, type);
}

}  // namespace coffer::kmip
