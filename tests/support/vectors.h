// Published test vectors as text files in tests/vectors/; each file's head says where they come from and what the
// format is. A test fails when it leaves an attribute of a record unread: a vector that is not used whole proves less
// than it seems to.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "coffer/base/bytes.h"
#include "coffer_test_paths.h"

namespace coffer {

class VectorRecord {
 public:
  // The record's place, for messages: "gcm.txt:12".
  explicit VectorRecord(std::string place) : place_(std::move(place)) {}

  const std::string& place() const { return place_; }
  bool has(const std::string& name) const { return values_.count(name) > 0; }

  std::string text(const std::string& name) {
    read_.insert(name);
    auto found = values_.find(name);
    if (found == values_.end()) ADD_FAILURE() << place_ << ": no attribute " << name;
    return found == values_.end() ? std::string() : found->second;
  }

  uint64_t number(const std::string& name) { return std::strtoull(text(name).c_str(), nullptr, 10); }

  Bytes hex(const std::string& name) {
    Bytes out;
    std::string value = text(name);
    for (size_t at = 0, end; at < value.size(); at = end + 1) {
      end = std::min(value.find(' ', at), value.size());
      std::string token = value.substr(at, end - at);
      size_t star = token.find('*');
      Result<Bytes> bytes = from_hex(token.substr(0, star));
      if (!bytes) ADD_FAILURE() << place_ << ": " << name << " is not hexadecimal: " << token;
      size_t count = star == std::string::npos ? 1 : std::strtoul(token.c_str() + star + 1, nullptr, 10);
      for (size_t i = 0; bytes && i < count; ++i) out.insert(out.end(), bytes->begin(), bytes->end());
    }
    return out;
  }

  // Used by for_each_vector.
  void add(const std::string& name, const std::string& value) {
    if (!values_.emplace(name, value).second) ADD_FAILURE() << place_ << ": " << name << " twice";
  }
  void append(const std::string& name, const std::string& value) { values_[name] += " " + value; }
  bool empty() const { return values_.empty(); }
  void expect_all_read() const {
    for (const auto& [name, value] : values_) {
      if (read_.count(name) == 0) ADD_FAILURE() << place_ << ": attribute " << name << " was not used";
    }
  }

 private:
  std::string place_;
  std::map<std::string, std::string> values_;
  std::set<std::string> read_;
};

// Calls `use` for every record of tests/vectors/FILE. Fails if there are none.
inline void for_each_vector(const std::string& file, const std::function<void(VectorRecord&)>& use) {
  std::ifstream in(std::string(COFFER_SOURCE_DIR "/tests/vectors/") + file);
  VectorRecord record(file);
  size_t count = 0;
  auto finish = [&] {
    if (record.empty()) return;
    ++count;
    SCOPED_TRACE(record.place());
    use(record);
    record.expect_all_read();
  };
  std::string line, last;
  for (size_t number = 1; std::getline(in, line); ++number) {
    if (line.starts_with("#")) continue;
    if (line.starts_with("  ")) {
      record.append(last, line.substr(2));
      continue;
    }
    if (line.empty()) {
      finish();
      record = VectorRecord(file + ":" + std::to_string(number + 1));
      continue;
    }
    size_t equals = line.find(" =");
    ASSERT_NE(equals, std::string::npos) << file << ":" << number << ": expected name = value";
    last = line.substr(0, equals);
    record.add(last, line.size() > equals + 3 ? line.substr(equals + 3) : std::string());
  }
  finish();
  EXPECT_GT(count, 0u) << file << " is missing or has no records";
}

}  // namespace coffer
