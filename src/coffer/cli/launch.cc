#include "coffer/cli/launch.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "coffer/base/path.h"

namespace coffer::cli {
namespace {

// In front of what is preloaded already.
Status set_preload(const std::string& plug_in) {
  if (plug_in.find_first_of(" :") != std::string::npos) {
    return {Code::kUnsupported,
            plug_in + ": LD_PRELOAD takes no path with a space or colon; move it and set COFFER_PRELOAD"};
  }
  const char* before = std::getenv("LD_PRELOAD");
  const std::string all = before != nullptr && *before != '\0' ? plug_in + ":" + before : plug_in;
  setenv("LD_PRELOAD", all.c_str(), 1);
  return Status::ok();
}

// Asks the plug-in in what this process becomes to open the coffer at once. The dynamic linker goes on without a
// plug-in that it cannot load; so until the plug-in lifts the limit, the process can write to no file. Undone when it
// goes out of scope: then there is no other program.
class OpeningByPlugIn {
 public:
  OpeningByPlugIn() {
    getrlimit(RLIMIT_FSIZE, &limit_);
    const rlimit nothing{0, limit_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &nothing);
    setenv("COFFER_EXEC", (std::to_string(getpid()) + " " + std::to_string(limit_.rlim_cur)).c_str(), 1);
    if (const char* preload = std::getenv("LD_PRELOAD")) preload_ = preload;
  }
  ~OpeningByPlugIn() {
    setrlimit(RLIMIT_FSIZE, &limit_);
    unsetenv("COFFER_EXEC");
    setenv("LD_PRELOAD", preload_.c_str(), 1);
  }
  OpeningByPlugIn(const OpeningByPlugIn&) = delete;
  OpeningByPlugIn& operator=(const OpeningByPlugIn&) = delete;

 private:
  rlimit limit_{};
  std::string preload_;
};

}  // namespace

Result<std::string> canonical_path(const std::string& path) {
  std::error_code error;
  std::filesystem::path out = std::filesystem::canonical(path, error);
  if (error == std::errc::no_such_file_or_directory) return {Code::kNotFound, path + ": no such file or directory"};
  if (error) return {Code::kIo, path + ": " + error.message()};
  return out.string();
}

Result<std::string> find_library(const std::string& name) {
  COFFER_ASSIGN(std::string self, canonical_path("/proc/self/exe"));
  const std::filesystem::path directory = std::filesystem::path(self).parent_path();
  for (const std::filesystem::path& candidate : {directory / name, directory / COFFER_MODULE_DIRECTORY / name}) {
    if (access(candidate.c_str(), R_OK) == 0) return canonical_path(candidate.string());
  }
  return {Code::kNotFound, name + " is neither in " + directory.string() + " nor in its library directory"};
}

Result<std::string> find_plug_in() {
  if (const char* named = std::getenv("COFFER_PRELOAD"); named != nullptr && *named != '\0') {
    if (access(named, R_OK) == 0) return canonical_path(named);
    return {Code::kNotFound, std::string("COFFER_PRELOAD: cannot read ") + named + ": " + std::strerror(errno)};
  }
  auto found = find_library("libcoffer_rocksdb_preload.so");
  if (found.code() != Code::kNotFound) return found;
  return {Code::kNotFound, std::string(found.status().message()) + "; set COFFER_PRELOAD to its path"};
}

std::string percent_encoded(const std::string& text) {
  constexpr const char* kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = std::isalnum(byte) != 0 || (c != '\0' && std::strchr("-._~/", c) != nullptr);
    out += plain ? std::string(1, c) : std::string{'%', kHex[byte >> 4], kHex[byte & 15]};
  }
  return out;
}

Status preload_plug_in(const std::string& plug_in, const std::string& uri) {
  COFFER_TRY(set_preload(plug_in));
  setenv("COFFER_FS_URI", uri.c_str(), 1);
  return Status::ok();
}

Status become(const Program& program, std::vector<std::string> words) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  execvp(program.path.c_str(), argv.data());
  return {Code::kIo, "cannot run " + words.front() + ": " + std::strerror(errno)};
}

void launch(const std::vector<std::string>& words) {
  if (words.size() < 4 || words[0] != "exec" || words[1].starts_with('-') || words[2] != "--") return;
  auto directory = canonical_path(words[1]);
  // By another name it could not be told of in the same words.
  if (!directory.is_ok() || *directory != absolute_path(words[1])) return;
  auto program = find_preloadable_program(words[3]);
  auto plug_in = find_plug_in();
  if (!program.is_ok() || !program->needs_rocksdb || !plug_in.is_ok()) return;
  const OpeningByPlugIn asked;
  if (!preload_plug_in(*plug_in, "coffer://" + percent_encoded(*directory))) return;
  // What comes back comes again when the command tries, which says it.
  [[maybe_unused]] const Status failed = become(*program, {words.begin() + 3, words.end()});
}

}  // namespace coffer::cli
