#include "coffer/cli/program.h"

#include <elf.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <vector>

namespace coffer::cli {
namespace {

constexpr int kProgramHeadersMax = 256;

bool is_regular_file(const std::string& path, struct stat& info) {
  return stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

Result<std::string> find_program(const std::string& name) {
  struct stat info {};
  std::vector<std::string> candidates;
  if (name.find('/') != std::string::npos) {
    candidates.push_back(name);
  } else {
    const char* path = std::getenv("PATH");
    std::istringstream directories(path != nullptr ? path : "/bin:/usr/bin");
    for (std::string directory; std::getline(directories, directory, ':');) {
      candidates.push_back((directory.empty() ? "." : directory) + "/" + name);
    }
  }
  bool seen = false;
  for (const std::string& candidate : candidates) {
    if (!is_regular_file(candidate, info)) continue;
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
    seen = true;
  }
  if (seen) return {Code::kPermissionDenied, fmt::format("cannot run {}: it may not be executed", name)};
  return {Code::kNotFound, fmt::format("cannot run {}: there is no such program", name)};
}

// Does this ELF file name a dynamic linker? Only then LD_PRELOAD has an effect.
bool names_dynamic_linker(std::ifstream& file, const Elf64_Ehdr& header) {
  if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum > kProgramHeadersMax) return false;
  file.seekg(static_cast<std::streamoff>(header.e_phoff));
  for (int i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment{};
    if (!file.read(reinterpret_cast<char*>(&segment), sizeof segment)) return false;
    if (segment.p_type == PT_INTERP) return true;
  }
  return false;
}

Status check_preloadable(const std::string& path) {
  const auto refuse = [&](std::string_view why) -> Status {
    return {Code::kUnsupported, fmt::format("{} {}, so the plug-in would not be loaded into it and it would write "
                                            "plaintext; run one that is dynamically linked and not setuid",
                                            path, why)};
  };
  struct stat info {};
  if (is_regular_file(path, info) && (info.st_mode & (S_ISUID | S_ISGID)) != 0) return refuse("is setuid or setgid");
  std::ifstream file(path, std::ios::binary);
  Elf64_Ehdr header{};
  file.read(reinterpret_cast<char*>(&header), sizeof header);
  // A script, or a program that may be run but not read: its interpreter is what counts.
  if (file.gcount() < EI_NIDENT || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return Status::ok();
  if (header.e_ident[EI_CLASS] != ELFCLASS64) return refuse("has another word size than the plug-in");
  if (!names_dynamic_linker(file, header)) return refuse("is statically linked");
  return Status::ok();
}

}  // namespace

Result<std::string> find_preloadable_program(const std::string& name) {
  COFFER_ASSIGN(std::string path, find_program(name));
  COFFER_TRY(check_preloadable(path));
  return path;
}

}  // namespace coffer::cli
