// Writing HTML in which nothing that comes from outside becomes markup: markup is what stands in our own source, and
// everything else is text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace coffer::cli {

// A string literal. There is no other way to make one.
class Markup {
 public:
  consteval Markup(const char* literal) : text_(literal) {}  // NOLINT: implicit by design
  std::string_view text() const { return text_; }

 private:
  std::string_view text_;
};

class Html {
 public:
  Html& operator<<(Markup markup) { return out_ += markup.text(), *this; }
  // Any bytes. What is not UTF-8, and what would change how the text around it reads (control characters, marks of
  // direction), is shown as its number. Good in elements and in quoted attributes.
  Html& text(std::string_view text);
  // The same of what others named, such as a path: its direction is its own.
  Html& name(std::string_view text) { return *this << "<bdi>", this->text(text), *this << "</bdi>"; }
  Html& number(uint64_t number) { return out_ += std::to_string(number), *this; }

  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

// A table whose cells say of which column they are, so that on a narrow screen each row can stand as a list.
class HtmlTable {
 public:
  struct Column {
    Markup heading;
    bool is_number = false;
  };
  // `id` is that of the table, for who goes on from where they were.
  HtmlTable(Html& out, Markup id, Markup caption, std::vector<Column> columns);
  ~HtmlTable();
  HtmlTable(const HtmlTable&) = delete;
  HtmlTable& operator=(const HtmlTable&) = delete;

  // The next cell of the row, or the first one of the next row, which is its heading.
  Html& cell();

 private:
  void end_cell();

  Html& out_;
  const std::vector<Column> columns_;
  size_t next_ = 0;
  bool is_open_ = false;
};

}  // namespace coffer::cli
