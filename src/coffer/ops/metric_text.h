// A metric as Prometheus reads it: text format 0.0.4.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "coffer/keys/keyring.h"

namespace coffer {

using MetricLabels = std::vector<std::pair<std::string_view, std::string>>;
// Of a domain key: domain, version, state.
MetricLabels labels_of(const Domain& domain, const DomainKeyEntry& key);

// A metric and all its values, which Prometheus wants together.
class MetricText {
 public:
  // Nothing in these has to be escaped.
  MetricText(std::string_view name, std::string_view type, std::string_view help);
  // Values of labels may be any text: what is not UTF-8 is replaced.
  void add(const MetricLabels& labels, uint64_t value) { add_text(labels, std::to_string(value)); }
  void add_seconds(const MetricLabels& labels, double value);
  const std::string& text() const { return text_; }

 private:
  void add_text(const MetricLabels& labels, std::string_view value);

  const std::string name_;
  std::string text_;
};

}  // namespace coffer
