#include "coffer/cli/plaintext_trace.h"

#include <ctime>
#include <set>

#include "coffer/base/path.h"

namespace coffer::cli {
namespace {

constexpr size_t kScriptSizeMax = size_t{64} << 10;
constexpr size_t kPlacesMax = 4096;
constexpr std::string_view kClearCurrent = "MANIFEST-";

// What could be a path in a word such as --db=/var/lib/db, or in the text of a script.
void add_paths(std::string_view text, std::set<std::string>& paths) {
  constexpr std::string_view kBetween(" \t\r\n'\"=;&|()<>`,\0", 18);
  while (!text.empty() && paths.size() < kPlacesMax) {
    const std::string_view piece = text.substr(0, text.find_first_of(kBetween));
    if (!piece.empty() && piece.find('$') == std::string_view::npos) paths.insert(absolute_path(piece));
    text.remove_prefix(std::min(text.size(), piece.size() + 1));
  }
}

bool is_clear_current(Disk& disk, const std::string& path, int64_t since_ns) {
  auto info = disk.info(path);
  if (!info.is_ok() || info->is_directory || info->modified_ns < since_ns) return false;
  auto head = disk.open_read(path);
  Bytes begin(kClearCurrent.size());
  if (!head.is_ok()) return false;
  const auto count = (*head)->read_at(0, begin);
  return count.is_ok() && *count == begin.size() && as_text(begin) == kClearCurrent;
}

}  // namespace

std::vector<std::string> places_of_program(const Coffer& coffer, const std::vector<std::string>& words) {
  std::set<std::string> paths;
  for (const auto keyring = coffer.keyring(); const StoreEntry& store : coffer.places().stores(*keyring))
    paths.insert(coffer.places().here(store.path));
  for (const std::string& word : words) {
    add_paths(word, paths);
    auto script = read_file(coffer.disk(), word, kScriptSizeMax);
    if (script.is_ok()) add_paths(as_text(*script), paths);
  }
  return {paths.begin(), paths.end()};
}

std::vector<std::string> written_in_clear(Disk& disk, const std::vector<std::string>& places, int64_t since_ns) {
  std::vector<std::string> out;
  for (const std::string& place : places) {
    if (is_clear_current(disk, place + "/CURRENT", since_ns)) out.push_back(place);
  }
  return out;
}

int64_t file_clock_ns() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace coffer::cli
