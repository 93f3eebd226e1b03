#include <cstring>

#include "support/kmip_text/scalars.h"

namespace coffer::kmip {
namespace {

std::string escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    const uint8_t byte = static_cast<uint8_t>(c);
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default:
        // An XML parser may turn a plain line break or tab in an attribute into a space.
        if (byte < 0x20) {
          out += "&#" + std::to_string(byte) + ";";
        } else {
          out += c;
        }
    }
  }
  return out;
}

class XmlWriter {
 public:
  explicit XmlWriter(Secrets secrets) : secrets_(secrets) {}

  void item(const Item& item, const Meaning& meaning, size_t indent) {
    out_.append(indent, ' ');
    const bool named = !spec_name(item.tag()).empty();
    const std::string element = named ? encoded_tag(item.tag()) : "TTLV";
    out_ += "<" + element;
    if (!named) out_ += " tag=\"" + encoded_tag(item.tag()) + "\"";
    if (item.type() == ItemType::kStructure) {
      structure(item, element, indent);
      return;
    }
    out_ += " type=\"" + encoded_name(type_name(item.type())) + "\"";
    if (secrets_ == Secrets::kHide && is_secret(item.tag())) {
      out_ += " hidden=\"" + std::to_string(item.value().size()) + " bytes\"/>\n";
    } else {
      out_ += " value=\"" + escaped(scalar_text(item, meaning.of(item.tag()), ' ')) + "\"/>\n";
    }
  }

  std::string take() { return std::move(out_); }

 private:
  void structure(const Item& item, const std::string& element, size_t indent) {
    if (item.value().empty()) {
      out_ += "/>\n";
      return;
    }
    out_ += ">\n";
    Meaning meaning;
    for (const Item field : item.children()) {
      this->item(field, meaning, indent + 2);
      if (field.type() == ItemType::kTextString) meaning.saw_text(field.tag(), *field.text());
    }
    out_.append(indent, ' ');
    out_ += "</" + element + ">\n";
  }

  Secrets secrets_;
  std::string out_;
};

struct Element {
  std::string name;
  std::string tag;
  std::string type;
  std::optional<std::string> value;
  bool empty = false;  // closed where it was opened
};

// As much of XML as the encoding uses: elements with attributes, comments and a declaration; no DTD, no text.
class XmlReader {
 public:
  XmlReader(std::string_view text, const TtlvLimits& limits) : rest_(text), limits_(limits), writer_(out_) {}

  Result<SecretBuffer> read() {
    COFFER_TRY(skip_between());
    Meaning meaning;
    COFFER_TRY(item(meaning, 1));
    COFFER_TRY(skip_between());
    if (!rest_.empty()) return wrong("something follows the message");
    return std::move(out_);
  }

 private:
  static Status wrong(std::string_view what) { return {Code::kInvalidArgument, "kmip xml: " + std::string(what)}; }
  static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

  bool take(std::string_view token) {
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }

  void skip_spaces() {
    while (!rest_.empty() && is_space(rest_[0])) rest_.remove_prefix(1);
  }

  // Blanks, comments and processing instructions.
  Status skip_between() {
    while (true) {
      skip_spaces();
      const bool comment = rest_.starts_with("<!--");
      if (!comment && !rest_.starts_with("<?")) return Status::ok();
      const std::string_view close = comment ? "-->" : "?>";
      const size_t end = rest_.find(close, 2);
      if (end == std::string_view::npos) return wrong("a comment or declaration does not end");
      rest_.remove_prefix(end + close.size());
    }
  }

  std::string take_name() {
    size_t size = 0;
    while (size < rest_.size() && (std::isalnum(static_cast<unsigned char>(rest_[size])) || rest_[size] == '_')) ++size;
    std::string name(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return name;
  }

  // What follows '&', up to and including ';'.
  Status take_reference(std::string& out) {
    constexpr std::pair<std::string_view, char> kNamed[] = {
        {"amp;", '&'}, {"lt;", '<'}, {"gt;", '>'}, {"quot;", '"'}, {"apos;", '\''}};
    for (const auto& [name, character] : kNamed) {
      if (take(name)) {
        out += character;
        return Status::ok();
      }
    }
    const size_t end = rest_.find(';');
    if (!take("#") || end == std::string_view::npos || end > 8) return wrong("unknown character reference");
    uint32_t point = 0;
    const bool hex = take("x");
    size_t digits = 0;
    for (; !rest_.empty() && rest_[0] != ';'; rest_.remove_prefix(1), ++digits) {
      const int digit = hex_digit(rest_[0]);
      if (digit < 0 || digit >= (hex ? 16 : 10)) return wrong("unknown character reference");
      point = point * (hex ? 16 : 10) + static_cast<uint32_t>(digit);
    }
    if (digits == 0 || !take(";")) return wrong("unknown character reference");
    uint8_t bytes[4];
    out.append(as_text(ByteView(bytes, put_character(point, bytes))));
    return Status::ok();
  }

  Status take_attribute_value(std::string& out) {
    if (rest_.empty() || (rest_[0] != '"' && rest_[0] != '\'')) return wrong("an attribute has no quoted value");
    const char quote = rest_[0];
    rest_.remove_prefix(1);
    while (!rest_.empty() && rest_[0] != quote) {
      const char c = rest_[0];
      rest_.remove_prefix(1);
      if (c == '<') return wrong("'<' inside an attribute");
      if (c != '&') {
        out += c;
        continue;
      }
      COFFER_TRY(take_reference(out));
    }
    if (rest_.empty()) return wrong("an attribute does not end");
    rest_.remove_prefix(1);
    return Status::ok();
  }

  Status open_element(Element& out) {
    if (!take("<")) return wrong("expected an element");
    out.name = take_name();
    if (out.name.empty()) return wrong("expected the name of an element");
    while (true) {
      skip_spaces();
      if (take("/>")) {
        out.empty = true;
        return Status::ok();
      }
      if (take(">")) return Status::ok();
      const std::string attribute = take_name();
      if (attribute.empty() || !take("=")) return wrong("element " + out.name + " does not end properly");
      std::string value;
      COFFER_TRY(take_attribute_value(value));
      if (attribute == "hidden") return wrong("the value of " + out.name + " was hidden when this was written");
      if (attribute == "tag" && out.tag.empty()) {
        out.tag = std::move(value);
      } else if (attribute == "type" && out.type.empty()) {
        out.type = std::move(value);
      } else if (attribute == "value" && !out.value) {
        out.value = std::move(value);
      } else if (attribute != "name") {
        return wrong("element " + out.name + " has an unexpected attribute " + attribute);
      }
    }
  }

  Status item(Meaning& meaning, int depth) {
    if (depth > limits_.depth_max || ++items_ > limits_.items_max || out_.size() > limits_.size_max) {
      return {Code::kLimitExceeded, "kmip xml: too long, or nested too deep"};
    }
    Element element;
    COFFER_TRY(open_element(element));
    const auto tag = find_encoded_tag(element.name == "TTLV" ? element.tag : element.name);
    if (!tag) return wrong("unknown field " + element.name);
    const auto type = element.type.empty() ? ItemType::kStructure : find_encoded_type(element.type);
    if (!type) return wrong("field " + element.name + " has the unknown type " + element.type);
    if (*type == ItemType::kStructure) {
      if (element.value) return wrong("structure " + element.name + " has a value");
      const auto structure = writer_.structure(*tag);
      return element.empty ? Status::ok() : fields(element.name, depth);
    }
    if (!element.value) return wrong("field " + element.name + " has no value");
    COFFER_TRY(write_scalar(writer_, *tag, *type, meaning.of(*tag), *element.value, ' '));
    if (*type == ItemType::kTextString) meaning.saw_text(*tag, *element.value);
    return element.empty ? Status::ok() : close_element(element.name);
  }

  Status fields(const std::string& name, int depth) {
    Meaning meaning;
    while (true) {
      COFFER_TRY(skip_between());
      if (rest_.starts_with("</")) return close_element(name);
      COFFER_TRY(item(meaning, depth + 1));
    }
  }

  Status close_element(const std::string& name) {
    COFFER_TRY(skip_between());
    if (!take("</") || take_name() != name) return wrong("element " + name + " is not closed");
    skip_spaces();
    return take(">") ? Status::ok() : wrong("element " + name + " is not closed");
  }

  std::string_view rest_;
  const TtlvLimits& limits_;
  size_t items_ = 0;
  SecretBuffer out_;
  TtlvWriter writer_;
};

}  // namespace

std::string to_xml(const Item& item, Secrets secrets) {
  XmlWriter writer(secrets);
  writer.item(item, Meaning(), 0);
  return writer.take();
}

Result<SecretBuffer> from_xml(std::string_view text, const TtlvLimits& limits) {
  return XmlReader(text, limits).read();
}

}  // namespace coffer::kmip
