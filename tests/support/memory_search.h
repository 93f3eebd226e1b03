// Looks for a secret in all of this process's memory.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "coffer/base/bytes.h"

// Memory that the sanitizers think nobody may read.
#define READS_FOREIGN_MEMORY __attribute__((no_sanitize("address", "thread", "undefined")))

namespace coffer {

// 16 bytes to look for, kept inverted so that the search does not find itself.
class Needle {
 public:
  explicit Needle(ByteView bytes) {
    for (size_t i = 0; i < kSize; ++i) inverted_[i] = static_cast<uint8_t>(~bytes[i]);
  }

  READS_FOREIGN_MEMORY size_t count_in(const uint8_t* begin, const uint8_t* end) const {
    size_t count = 0;
    uint8_t first = static_cast<uint8_t>(~inverted_[0]);
    for (const uint8_t* at = begin; at + kSize <= end; ++at) {
      if (*at != first) continue;
      size_t i = 1;
      while (i < kSize && at[i] == static_cast<uint8_t>(~inverted_[i])) ++i;
      if (i == kSize) ++count;
    }
    return count;
  }

 private:
  static constexpr size_t kSize = 16;
  uint8_t inverted_[kSize];
};

struct FoundPlaces {
  size_t secret = 0;  // in mappings kept out of core dumps
  size_t other = 0;   // heap, stacks, data
};

struct Mapping {
  uintptr_t begin = 0, end = 0;
  size_t resident_kib = 0;
  bool writable = false;
  bool not_dumped = false;
};

inline std::vector<Mapping> own_mappings() {
  std::vector<Mapping> out;
  std::ifstream smaps("/proc/self/smaps");
  for (std::string line; std::getline(smaps, line);) {
    Mapping mapping;
    char mode[5] = {};
    if (std::sscanf(line.c_str(), "%lx-%lx %4s", &mapping.begin, &mapping.end, mode) == 3) {
      mapping.writable = std::string_view(mode) == "rw-p";
      out.push_back(mapping);
    } else if (out.empty()) {
      continue;
    } else if (std::sscanf(line.c_str(), "Rss: %zu", &mapping.resident_kib) == 1) {
      out.back().resident_kib = mapping.resident_kib;
    } else if (line.starts_with("VmFlags:")) {
      out.back().not_dumped = line.find(" dd") != std::string::npos;
    }
  }
  return out;
}

// Calls `use` for every run of pages of a mapping that are in memory or swapped out: the sanitizers map far more than
// they ever touch.
template <class Use>
void for_each_used_run(int pagemap, const Mapping& mapping, Use use) {
  constexpr uint64_t kPresentOrSwapped = uint64_t{3} << 62;
  constexpr uintptr_t kPageSize = 4096;
  std::vector<uint64_t> entries((mapping.end - mapping.begin) / kPageSize);
  auto size = static_cast<ssize_t>(entries.size() * sizeof(uint64_t));
  auto at = static_cast<off_t>(mapping.begin / kPageSize * sizeof(uint64_t));
  ASSERT_EQ(pread(pagemap, entries.data(), entries.size() * sizeof(uint64_t), at), size) << "/proc/self/pagemap";
  uintptr_t begin = 0, end = 0;  // of the run that grows
  for (size_t i = 0; i < entries.size(); ++i) {
    if ((entries[i] & kPresentOrSwapped) == 0) continue;
    uintptr_t page = mapping.begin + i * kPageSize;
    if (page != end) {
      use(begin, end);
      begin = page;
    }
    end = page + kPageSize;
  }
  use(begin, end);
}

// Looks through every writable private mapping but the sanitizers' shadows, which are larger than anything of ours.
inline FoundPlaces find(const Needle& needle) {
  constexpr uintptr_t kMappingMax = uintptr_t{1} << 30;
  FoundPlaces out;
  int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  for (const Mapping& mapping : own_mappings()) {
    if (!mapping.writable || mapping.resident_kib == 0 || mapping.end - mapping.begin > kMappingMax) continue;
    for_each_used_run(pagemap, mapping, [&](uintptr_t begin, uintptr_t end) {
      (mapping.not_dumped ? out.secret : out.other) +=
          needle.count_in(reinterpret_cast<const uint8_t*>(begin), reinterpret_cast<const uint8_t*>(end));
    });
  }
  close(pagemap);
  return out;
}

}  // namespace coffer
