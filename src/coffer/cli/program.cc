#include "coffer/cli/program.h"

#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <vector>

namespace coffer::cli {
namespace {

constexpr int kProgramHeadersMax = 256;
constexpr size_t kDynamicBytesMax = size_t{64} << 10;

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
  if (seen) return {Code::kPermissionDenied, "cannot run " + name + ": it may not be executed"};
  return {Code::kNotFound, "cannot run " + name + ": there is no such program"};
}

// What an ELF file of 64 bits says of how it is to be loaded.
class ElfFile {
 public:
  explicit ElfFile(const std::string& path) : file_(path, std::ios::binary) {
    file_.read(reinterpret_cast<char*>(&header_), sizeof header_);
    // A script, or a program that may be run but not read: its interpreter is what counts.
    is_elf_ = file_.gcount() >= EI_NIDENT && std::memcmp(header_.e_ident, ELFMAG, SELFMAG) == 0;
    if (is_elf_ && is_64_bit() && header_.e_phentsize == sizeof(Elf64_Phdr) && header_.e_phnum <= kProgramHeadersMax) {
      segments_ = read<Elf64_Phdr>(header_.e_phoff, header_.e_phnum);
    }
  }

  bool is_elf() const { return is_elf_; }
  bool is_64_bit() const { return header_.e_ident[EI_CLASS] == ELFCLASS64; }
  // Only then LD_PRELOAD has an effect.
  bool names_dynamic_linker() const { return segment(PT_INTERP) != nullptr; }

  // Does it name a library that begins so among those it needs?
  bool needs_library(std::string_view prefix) {
    const Elf64_Phdr* dynamic = segment(PT_DYNAMIC);
    if (dynamic == nullptr || dynamic->p_filesz > kDynamicBytesMax) return false;
    const std::vector<Elf64_Dyn> entries = read<Elf64_Dyn>(dynamic->p_offset, dynamic->p_filesz / sizeof(Elf64_Dyn));
    uint64_t names = 0;
    for (const Elf64_Dyn& entry : entries) {
      if (entry.d_tag == DT_STRTAB) names = offset_of(entry.d_un.d_ptr);
    }
    for (const Elf64_Dyn& entry : entries) {
      if (entry.d_tag != DT_NEEDED || names == 0) continue;
      const std::vector<char> name = read<char>(names + entry.d_un.d_val, prefix.size());
      if (std::string_view(name.data(), name.size()) == prefix) return true;
    }
    return false;
  }

 private:
  // Nothing where the file does not have so many.
  template <class T>
  std::vector<T> read(uint64_t offset, size_t count) {
    std::vector<T> out(count);
    file_.clear();
    file_.seekg(static_cast<std::streamoff>(offset));
    if (!file_.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(count * sizeof(T)))) out.clear();
    return out;
  }

  const Elf64_Phdr* segment(uint32_t type) const {
    const auto found = std::ranges::find(segments_, type, &Elf64_Phdr::p_type);
    return found == segments_.end() ? nullptr : &*found;
  }

  // Where in the file that stands which is at this address in memory; 0 if nowhere.
  uint64_t offset_of(uint64_t address) const {
    for (const Elf64_Phdr& part : segments_) {
      const bool inside = part.p_type == PT_LOAD && address >= part.p_vaddr && address - part.p_vaddr < part.p_filesz;
      if (inside) return part.p_offset + (address - part.p_vaddr);
    }
    return 0;
  }

  std::ifstream file_;
  Elf64_Ehdr header_{};
  bool is_elf_ = false;
  std::vector<Elf64_Phdr> segments_;
};

Status check_preloadable(const std::string& path, const ElfFile& file) {
  const auto refuse = [&](std::string_view why) -> Status {
    return {Code::kUnsupported, path + " " + std::string(why) +
                                    ", so the plug-in would not be loaded into it and it would write plaintext; run "
                                    "one that is dynamically linked and not setuid"};
  };
  struct stat info {};
  if (is_regular_file(path, info) && (info.st_mode & (S_ISUID | S_ISGID)) != 0) return refuse("is setuid or setgid");
  if (!file.is_elf()) return Status::ok();
  if (!file.is_64_bit()) return refuse("has another word size than the plug-in");
  if (!file.names_dynamic_linker()) return refuse("is statically linked");
  return Status::ok();
}

}  // namespace

Result<Program> find_preloadable_program(const std::string& name) {
  COFFER_ASSIGN(std::string path, find_program(name));
  ElfFile file(path);
  COFFER_TRY(check_preloadable(path, file));
  return Program{std::move(path), file.needs_library("librocksdb.so")};
}

}  // namespace coffer::cli
