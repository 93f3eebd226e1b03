#include "coffer/cli/html.h"

#include <fmt/format.h>

#include "coffer/base/text.h"

namespace coffer::cli {
namespace {

// Of Unicode's: what is not seen itself, and orders or hides what is beside it.
bool rules_others(uint32_t point) {
  return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0xad || point == 0x61c ||
         (point >= 0x200b && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
         (point >= 0x2060 && point <= 0x206f) || point == 0xfeff || (point >= 0xe0000 && point <= 0xe0fff);
}

void put_html_character(std::string& out, std::string_view character) {
  if (character == "&") {
    out += "&amp;";
  } else if (character == "<") {
    out += "&lt;";
  } else if (character == ">") {
    out += "&gt;";
  } else if (character == "\"") {
    out += "&quot;";
  } else if (character == "'") {
    out += "&#39;";
  } else {
    out += character;
  }
}

}  // namespace

Html& Html::text(std::string_view text) {
  while (!text.empty()) {
    std::string_view rest = text;
    const std::optional<uint32_t> point = take_character(rest);
    if (!point) {
      out_ += fmt::format("\\x{:02x}", static_cast<unsigned char>(text.front()));
      text.remove_prefix(1);
      continue;
    }
    if (rules_others(*point)) {
      out_ += fmt::format("\\u{{{:x}}}", *point);
    } else {
      put_html_character(out_, text.substr(0, text.size() - rest.size()));
    }
    text = rest;
  }
  return *this;
}

HtmlTable::HtmlTable(Html& out, Markup id, Markup caption, std::vector<Column> columns)
    : out_(out), columns_(std::move(columns)) {
  out_ << "<div class=\"wide\" tabindex=\"0\" role=\"region\" id=\"" << id << "\" aria-label=\"" << caption
       << "\"><table><caption>" << caption << "</caption><thead><tr>";
  for (const Column& each : columns_) {
    out_ << (each.is_number ? Markup("<th scope=\"col\" class=\"n\">") : Markup("<th scope=\"col\">"));
    out_ << each.heading << "</th>";
  }
  out_ << "</tr></thead><tbody>";
}

HtmlTable::~HtmlTable() {
  end_cell();
  if (next_ != 0) out_ << "</tr>";
  out_ << "</tbody></table></div>\n";
}

void HtmlTable::end_cell() {
  if (!is_open_) return;
  out_ << (next_ == 1 ? Markup("</span></th>") : Markup("</span></td>"));
  is_open_ = false;
}

Html& HtmlTable::cell() {
  end_cell();
  if (next_ == columns_.size()) next_ = 0, out_ << "</tr>\n";
  if (next_ == 0) out_ << "<tr>";
  const Column& column = columns_[next_];
  out_ << (next_ == 0 ? Markup("<th scope=\"row\" data-of=\"") : Markup("<td data-of=\"")) << column.heading
       << (column.is_number ? Markup("\" class=\"n\"><span>") : Markup("\"><span>"));
  ++next_;
  is_open_ = true;
  return out_;
}

}  // namespace coffer::cli
