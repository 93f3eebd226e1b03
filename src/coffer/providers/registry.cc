#include "coffer/providers/registry.h"

#include <filesystem>

#include "coffer/providers/key_file/key_file_provider.h"
#include "coffer/providers/uri.h"

namespace coffer {
namespace {

Result<std::string> absolute_path(std::string path) {
  while (path.starts_with("./")) path.erase(0, 2);
  std::error_code error;
  // Not canonical: a link may be there to be pointed at another key file later.
  std::filesystem::path absolute = std::filesystem::absolute(path, error);
  if (error) return {Code::kIo, "the current directory, to which " + path + " is relative: " + error.message()};
  return absolute.string();
}

Result<std::unique_ptr<RootKeyProvider>> open_key_file(const ProviderUri& uri) {
  if (!uri.options.empty()) {
    return {Code::kInvalidArgument, "root key URI option " + uri.options.front().first + ": a key file has no options"};
  }
  if (uri.authority.has_value() && !uri.authority->empty() && *uri.authority != "localhost") {
    return {Code::kInvalidArgument,
            "a key file is on this machine, not on \"" + *uri.authority + "\"; write file:///PATH (three slashes)"};
  }
  if (uri.path.empty() || uri.path == "/") return {Code::kInvalidArgument, "the root key URI names no key file"};
  COFFER_ASSIGN(std::string path, absolute_path(uri.path));
  return make_key_file_provider(Disk::posix(), path);
}

struct ProviderKind {
  std::string_view scheme;
  Result<std::unique_ptr<RootKeyProvider>> (*open)(const ProviderUri& uri);
};

constexpr ProviderKind kProviderKinds[] = {
    {"file", open_key_file},
};

Result<const ProviderKind*> find_kind(const ProviderUri& uri) {
  std::string known;
  for (const ProviderKind& kind : kProviderKinds) {
    if (kind.scheme == uri.scheme) return &kind;
    known += (known.empty() ? "" : ", ") + std::string(kind.scheme) + ":";
  }
  return {Code::kInvalidArgument, "unknown kind of root key \"" + uri.scheme + ":\"; known: " + known +
                                      " (a file's name that has a colon is written ./NAME)"};
}

}  // namespace

Result<std::unique_ptr<RootKeyProvider>> open_provider(const std::string& uri) {
  COFFER_ASSIGN(ProviderUri parsed, parse_provider_uri(uri));
  COFFER_ASSIGN(const ProviderKind* kind, find_kind(parsed));
  return kind->open(parsed);
}

}  // namespace coffer
