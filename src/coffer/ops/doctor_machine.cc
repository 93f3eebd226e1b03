#include <algorithm>
#include <charconv>
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

// The first word behind `name` at the beginning of a line; empty if there is no such line.
std::string word_behind(const std::string& text, std::string_view name) {
  std::istringstream lines(text);
  std::string line, word;
  while (std::getline(lines, line)) {
    if (!line.starts_with(name)) continue;
    std::istringstream(line.substr(name.size())) >> word;
    return word;
  }
  return word;
}

// "unlimited", and whatever is no number, is the largest.
uint64_t limit_of(const std::string& text, std::string_view name) {
  const std::string word = word_behind(text, name);
  uint64_t out = 0;
  const auto [end, failed] = std::from_chars(word.data(), word.data() + word.size(), out);
  return failed == std::errc() && end == word.data() + word.size() ? out : UINT64_MAX;
}

// What Coffer makes do with, however many files are open.
constexpr uint64_t kMemlockNeeded = 64 * 1024;

Findings examine_locking(const MachineFacts& facts) {
  const ProcessLimits& limits = facts.limits;
  std::string what;
  if (limits.process.empty() && facts.key_memory.secrets.unlocked_bytes > 0) {
    what = "key memory: " + describe(facts.key_memory) + " (limit: " + std::to_string(limits.memlock) + ")";
  }
  if (!limits.process.empty() && !limits.may_lock_more && limits.memlock < kMemlockNeeded) {
    what = limits.process + " may lock " + std::to_string(limits.memlock) + " bytes of memory, and keys need up to " +
           std::to_string(kMemlockNeeded);
  }
  if (what.empty()) return {};
  return {{true, what, "keys may be written to swap",
           "allow 64 KiB beside what the database locks: LimitMEMLOCK of systemd, ulimit -l"}};
}

}  // namespace

Result<ProcessLimits> process_limits(Disk& disk, const std::string& id) {
  constexpr uint64_t kCapIpcLock = uint64_t{1} << 14;
  const std::string directory = "/proc/" + (id.empty() ? "self" : id);
  const std::string limits = system_text(disk, directory + "/limits");
  if (limits.empty()) return {Code::kNotFound, "no process " + id + " is running here; give the id of the service's"};
  const std::string capabilities = word_behind(system_text(disk, directory + "/status"), "CapEff:");
  uint64_t bits = 0;
  std::from_chars(capabilities.data(), capabilities.data() + capabilities.size(), bits, 16);
  return ProcessLimits{id.empty() ? "" : "process " + id, limit_of(limits, "Max locked memory"),
                       (bits & kCapIpcLock) != 0, limit_of(limits, "Max core file size") == 0};
}

MachineFacts machine_facts(Disk& disk, ProcessLimits limits) {
  MachineFacts out;
  out.limits = std::move(limits);
  out.swaps = system_text(disk, "/proc/swaps");
  for (const std::string& swap : swaps_in(out.swaps)) {
    if (is_encrypted_swap(disk, swap)) out.encrypted_swaps.push_back(swap);
  }
  out.core_pattern = trimmed(system_text(disk, "/proc/sys/kernel/core_pattern"));
  out.key_memory = key_memory();
  return out;
}

Findings examine_machine(const MachineFacts& facts) {
  Findings out = examine_locking(facts);
  for (const std::string& swap : swaps_in(facts.swaps)) {
    if (std::ranges::find(facts.encrypted_swaps, swap) != facts.encrypted_swaps.end()) continue;
    out.push_back({true, swap + ": swap that is not encrypted, as far as can be seen",
                   "plaintext in the database's buffers may be written to it", "encrypt it (dm-crypt), or swapoff it"});
  }
  // The kernel hands a dump to a program whatever the limit is.
  if (!facts.limits.core_is_zero || facts.core_pattern.starts_with('|')) {
    out.push_back({false,
                   "core dumps" + (facts.limits.process.empty() ? "" : " of " + facts.limits.process) + " are on, to " +
                       facts.core_pattern,
                   "Coffer keeps keys out of them; plaintext in the database's buffers is in them",
                   "set LimitCORE to 0 and core_pattern to a file, or see to it that dumps are kept encrypted"});
  }
  return out;
}

}  // namespace coffer
