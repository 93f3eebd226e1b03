// coffer exec: runs a program whose RocksDB files the coffer protects, by preloading Coffer's RocksDB plug-in into it.
#include <fmt/format.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "coffer/cli/commands.h"
#include "coffer/cli/console.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/program.h"
#include "coffer/providers/registry.h"

namespace coffer::cli {
namespace {

constexpr const char* kModuleName = "libcoffer_rocksdb_preload.so";

// $COFFER_PRELOAD, or beside this executable (a build tree), or in the library directory it was installed with.
Result<std::string> find_module() {
  if (const char* named = std::getenv("COFFER_PRELOAD"); named != nullptr && *named != '\0') {
    if (access(named, R_OK) == 0) return canonical_path(named);
    return {Code::kNotFound, fmt::format("COFFER_PRELOAD: cannot read {}: {}", named, std::strerror(errno))};
  }
  COFFER_ASSIGN(std::string self, canonical_path("/proc/self/exe"));
  const std::filesystem::path directory = std::filesystem::path(self).parent_path();
  for (const std::filesystem::path& candidate :
       {directory / kModuleName, directory / COFFER_MODULE_DIRECTORY / kModuleName}) {
    if (access(candidate.c_str(), R_OK) == 0) return canonical_path(candidate.string());
  }
  return {Code::kNotFound,
          fmt::format("{} is neither in {} nor in its library directory; set COFFER_PRELOAD to its path", kModuleName,
                      directory.string())};
}

// In front of what is preloaded already.
Status set_preload(const std::string& module) {
  if (module.find_first_of(" :") != std::string::npos) {
    return {Code::kUnsupported,
            fmt::format("{}: LD_PRELOAD takes no path with a space or colon; move it and set COFFER_PRELOAD", module)};
  }
  const char* before = std::getenv("LD_PRELOAD");
  const std::string all = before != nullptr && *before != '\0' ? module + ":" + before : module;
  setenv("LD_PRELOAD", all.c_str(), 1);
  return Status::ok();
}

// Every byte that could mean something in a URI as %XX.
std::string percent_encoded(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || std::strchr("-._~/", c) != nullptr;
    out += plain && c != '\0' ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

Result<std::string> file_system_uri(const Coffer& coffer, const std::string& directory, const Arguments& arguments) {
  std::string uri = "coffer://" + percent_encoded(directory);
  if (const std::string* root = arguments.find("--root")) {
    // As the provider says it: the program may change its directory before it opens the coffer.
    COFFER_ASSIGN(const ProviderConfig config, coffer.provider_config());
    COFFER_ASSIGN(auto provider, open_provider(*root, config));
    uri += "?root=" + percent_encoded(provider->uri());
  }
  return uri;
}

Result<Outcome> run_exec(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(const std::string program, find_preloadable_program(arguments.program().front()));
  // The program would fail as well if the coffer did not open, but not with a message of ours.
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  COFFER_ASSIGN(const std::string directory, canonical_path(coffer->directory()));
  COFFER_ASSIGN(const std::string module, find_module());
  COFFER_ASSIGN(const std::string uri, file_system_uri(*coffer, directory, arguments));
  COFFER_TRY(set_preload(module));
  setenv("COFFER_FS_URI", uri.c_str(), 1);
  coffer.reset();  // wipes the keys of this process
  COFFER_TRY(console.finish());

  std::vector<std::string> words = arguments.program();
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  execvp(program.c_str(), argv.data());
  return {Code::kIo, fmt::format("cannot run {}: {}", words.front(), std::strerror(errno))};
}

}  // namespace

Command exec_command() {
  return {
      .name = "exec",
      .about = "runs a RocksDB program, unmodified, on files that the coffer protects",
      .operands = {coffer_operand()},
      .flags = {root_flag()},
      .examples = {"exec /var/lib/db.coffer -- ldb --db=/var/lib/db scan",
                   "exec /var/lib/db.coffer -- db_bench --db=/var/lib/db --benchmarks=fillrandom"},
      .run = run_exec,
      .takes_program = true,
  };
}

}  // namespace coffer::cli
