#include "coffer/ops/metric_text.h"

#include "coffer/base/text.h"

namespace coffer {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

std::string escaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    std::string_view rest = text;
    if (!take_character(rest)) {
      out += kReplacement;
      text.remove_prefix(1);
      continue;
    }
    const std::string_view character = text.substr(0, text.size() - rest.size());
    if (character == "\n") {
      out += "\\n";
    } else {
      if (character == "\\" || character == "\"") out += '\\';
      out += character;
    }
    text = rest;
  }
  return out;
}

}  // namespace

MetricLabels labels_of(const Domain& domain, const DomainKeyEntry& key) {
  return {{"domain", domain.name},
          {"version", std::to_string(key.version)},
          {"state", std::string(key_state_name(key.state))}};
}

MetricText::MetricText(std::string_view name, std::string_view type, std::string_view help) : name_(name) {
  text_ = "# HELP " + name_ + " " + std::string(help) + "\n# TYPE " + name_ + " " + std::string(type) + "\n";
}

void MetricText::add_seconds(const MetricLabels& labels, double value) { add_text(labels, std::to_string(value)); }

void MetricText::add_text(const MetricLabels& labels, std::string_view value) {
  text_ += name_;
  char before = '{';
  for (const auto& [name, content] : labels) {
    text_.append(1, std::exchange(before, ',')).append(name).append("=\"").append(escaped(content)).append("\"");
  }
  text_.append(labels.empty() ? " " : "} ").append(value).append("\n");
}

}  // namespace coffer
