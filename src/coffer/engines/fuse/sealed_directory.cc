#include "coffer/engines/fuse/sealed_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <climits>
#include <functional>
#include <memory>

#include "coffer/crypto/random.h"
#include "coffer/io/posix_file.h"

namespace coffer::fusefs {
namespace {

// Empty where there is no such link.
std::string read_link_at(int directory, const std::string& below) {
  char out[PATH_MAX];
  const ssize_t size = ::readlinkat(directory, below.c_str(), out, sizeof out);
  return size > 0 ? std::string(out, static_cast<size_t>(size)) : std::string();
}

bool is_there(int directory, const std::string& below) {
  struct stat st;
  return ::fstatat(directory, below.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0;
}

bool is_directory(int directory, const std::string& below) {
  struct stat st;
  return ::fstatat(directory, below.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

// Calls `each` with the names below, without dots, until it says no. False with errno.
bool for_each_entry(int directory, const std::function<bool(const std::string& below)>& each) {
  Descriptor opened(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened.is_open()) return false;
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(::fdopendir(opened.get()), &::closedir);
  if (listing == nullptr) return false;
  opened.release();
  errno = 0;
  while (const dirent* entry = ::readdir(listing.get())) {
    const std::string below = entry->d_name;
    if (below != "." && below != ".." && !each(below)) return true;
    errno = 0;
  }
  return errno == 0;
}

void remove_unfinished(int parent, const std::string& below, int depth);

// What is in a directory that has no place any more, but for what is others'.
void clear_out(int directory, int depth) {
  for_each_entry(directory, [&](const std::string& below) {
    switch (stored_form(below)) {
      case StoredForm::kUnfinished:
        if (is_directory(directory, below)) {
          remove_unfinished(directory, below, depth + 1);
          break;
        }
        [[fallthrough]];
      case StoredForm::kDirectoryFile:
      case StoredForm::kLongNameLink: ::unlinkat(directory, below.c_str(), 0); break;
      case StoredForm::kName:
      case StoredForm::kLongName:
      case StoredForm::kForeign: break;
    }
    return true;
  });
}

void remove_unfinished(int parent, const std::string& below, int depth) {
  // Crashes have left no more of them in one another.
  constexpr int kDepthMax = 8;
  if (depth > kDepthMax) return;
  const Descriptor directory(::openat(parent, below.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory.is_open()) return;
  clear_out(directory.get(), depth);
  ::unlinkat(parent, below.c_str(), AT_REMOVEDIR);
}

}  // namespace

template <class T, class Use>
Result<T> SealedDirectory::by_key(const Use& use) const {
  T out{};
  const Status done = key_.with_key([&](const DirectoryKey& key) -> Status {
    COFFER_ASSIGN(out, use(key));
    return Status::ok();
  });
  if (!done.is_ok()) return done.with_context(path_);
  return out;
}

Result<StoredName> SealedDirectory::name_below(std::string_view name) const {
  return by_key<StoredName>([&](const DirectoryKey& key) { return key.seal_name(name); });
}

Result<std::string> SealedDirectory::name_of(int directory, const std::string& below) const {
  const bool is_long = stored_form(below) == StoredForm::kLongName;
  const std::string rest = is_long ? read_link_at(directory, long_name_link(below)) : std::string();
  return by_key<std::string>([&](const DirectoryKey& key) { return key.open_name(below, rest); });
}

Result<std::string> SealedDirectory::seal_target(std::string_view target) const {
  return by_key<std::string>([&](const DirectoryKey& key) { return key.seal_target(target); });
}

Result<std::string> SealedDirectory::open_target(std::string_view below) const {
  return by_key<std::string>([&](const DirectoryKey& key) { return key.open_target(below); });
}

Result<LinksKey> SealedDirectory::links() const {
  return by_key<LinksKey>([&](const DirectoryKey& key) { return key.links(); });
}

Result<bool> SealedDirectory::shares_links_with(const SealedDirectory& other) const {
  if (this == &other) return true;
  COFFER_ASSIGN(const LinksKey theirs, other.links());
  return by_key<bool>([&](const DirectoryKey& key) { return key.has_links(theirs); });
}

int make_name_link(int directory, const StoredName& name) {
  if (name.rest.empty()) return 0;
  const std::string link = long_name_link(name.name);
  if (::symlinkat(name.rest.c_str(), directory, link.c_str()) == 0) return 0;
  if (errno != EEXIST) return errno;
  if (read_link_at(directory, link) == name.rest) return 0;
  // Somebody has changed it.
  ::unlinkat(directory, link.c_str(), 0);
  return ::symlinkat(name.rest.c_str(), directory, link.c_str()) == 0 ? 0 : errno;
}

void drop_name_link(int directory, const std::string& below) {
  if (stored_form(below) == StoredForm::kLongName) ::unlinkat(directory, long_name_link(below).c_str(), 0);
}

Result<bool> is_empty_but_for_own(int directory) {
  bool out = true;
  const bool read = for_each_entry(directory, [&](const std::string& below) {
    switch (stored_form(below)) {
      case StoredForm::kDirectoryFile:
      case StoredForm::kLongNameLink:
      case StoredForm::kUnfinished: break;
      case StoredForm::kName:
      case StoredForm::kLongName:
      case StoredForm::kForeign: out = false;
    }
    return out;
  });
  if (!read) return posix::failure("list", "a directory");
  return out;
}

int remove_sealed_directory(int parent, const std::string& below) {
  const auto id = random_id();
  if (!id.is_ok()) return EIO;
  const std::string away = std::string(kUnfinishedPrefix) + id->hex();
  if (::renameat(parent, below.c_str(), parent, away.c_str()) != 0) return errno;
  remove_unfinished(parent, away, 0);
  return 0;
}

void tidy_entry(int directory, const std::string& below) {
  const StoredForm form = stored_form(below);
  if (form == StoredForm::kUnfinished && is_directory(directory, below)) remove_unfinished(directory, below, 0);
  if (form != StoredForm::kLongNameLink) return;
  if (!is_there(directory, std::string(name_of_link(below)))) ::unlinkat(directory, below.c_str(), 0);
}

}  // namespace coffer::fusefs
