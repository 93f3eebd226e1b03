#include <sys/resource.h>

#include <algorithm>
#include <sstream>

#include "coffer/base/path.h"
#include "coffer/base/text.h"
#include "coffer/ops/doctor.h"

namespace coffer {
namespace {

constexpr size_t kChunk = 4096;
constexpr size_t kSystemFileMax = size_t{64} << 10;

// A file of /proc or /sys: these say that they have no size.
std::string system_text(Disk& disk, const std::string& path) {
  std::string out;
  auto file = disk.open_read(path);
  if (!file.is_ok()) return out;
  Bytes buffer(kChunk);
  while (out.size() < kSystemFileMax) {
    const auto count = (*file)->read_at(out.size(), buffer);
    if (!count.is_ok() || *count == 0) break;
    out.append(as_text(ByteView(buffer).first(*count)));
  }
  return out;
}

// The file names of /proc/swaps, below its heading.
std::vector<std::string> swaps_in(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream lines(text);
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) out.push_back(line.substr(0, line.find_first_of(" \t")));
  return out;
}

// As far as can be seen: dm-crypt, or memory that is compressed.
bool is_encrypted_swap(Disk& disk, const std::string& path) {
  const auto device = disk.canonical(path);
  if (!device.is_ok()) return false;
  const std::string name(base_name(*device));
  return name.starts_with("zram") || system_text(disk, "/sys/block/" + name + "/dm/uuid").starts_with("CRYPT-");
}

}  // namespace

MachineFacts machine_facts(Disk& disk) {
  MachineFacts out;
  out.swaps = system_text(disk, "/proc/swaps");
  for (const std::string& swap : swaps_in(out.swaps)) {
    if (is_encrypted_swap(disk, swap)) out.encrypted_swaps.push_back(swap);
  }
  out.core_pattern = trimmed(system_text(disk, "/proc/sys/kernel/core_pattern"));
  rlimit limit{};
  getrlimit(RLIMIT_CORE, &limit);
  out.core_limit_is_zero = limit.rlim_cur == 0;
  getrlimit(RLIMIT_MEMLOCK, &limit);
  out.memlock_limit = limit.rlim_cur;
  out.secret_memory = secret_memory_stats();
  return out;
}

Findings examine_machine(const MachineFacts& facts) {
  Findings out;
  if (facts.secret_memory.locked_bytes < facts.secret_memory.mapped_bytes) {
    out.push_back({true,
                   "only " + std::to_string(facts.secret_memory.locked_bytes) + " of " +
                       std::to_string(facts.secret_memory.mapped_bytes) +
                       " bytes with keys could be locked (limit: " + std::to_string(facts.memlock_limit) + ")",
                   "keys may be written to swap", "raise the limit: LimitMEMLOCK of systemd, ulimit -l"});
  }
  for (const std::string& swap : swaps_in(facts.swaps)) {
    if (std::ranges::find(facts.encrypted_swaps, swap) != facts.encrypted_swaps.end()) continue;
    out.push_back({true, swap + ": swap that is not encrypted, as far as can be seen",
                   "plaintext in the database's buffers may be written to it", "encrypt it (dm-crypt), or swapoff it"});
  }
  // The kernel hands a dump to a program whatever the limit is.
  if (!facts.core_limit_is_zero || facts.core_pattern.starts_with('|')) {
    out.push_back({false, "core dumps are on, to " + facts.core_pattern,
                   "Coffer keeps keys out of them; plaintext in the database's buffers is in them",
                   "set LimitCORE to 0 and core_pattern to a file, or see to it that dumps are kept encrypted"});
  }
  return out;
}

}  // namespace coffer
