#include "coffer/engines/fuse/sealed_names.h"

#include <fcntl.h>

#include <algorithm>
#include <climits>

#include "coffer/base/path.h"
#include "coffer/crypto/random.h"
#include "coffer/files/file_head.h"
#include "coffer/files/new_file.h"
#include "coffer/io/posix_file.h"

namespace coffer::fusefs {
namespace {

constexpr std::string_view kOfEveryFileSystem = "lost+found";

std::string file_in(const std::string& directory) { return directory + "/" + std::string(kDirectoryFileName); }

Result<std::string> path_of_fd(int fd) {
  const std::string way = "/proc/self/fd/" + std::to_string(fd);
  char out[PATH_MAX];
  const ssize_t size = ::readlink(way.c_str(), out, sizeof out);
  if (size < 0) return posix::failure("read the link", way);
  return std::string(out, static_cast<size_t>(size));
}

// Whether the store's own directory has a file of that kind: nothing of it is believed.
Result<bool> has_directory_file(Disk& disk, const std::string& store) {
  const std::string path = file_in(store);
  auto file = disk.open_read_itself(path);
  if (file.code() == Code::kNotFound) return false;
  if (!file.is_ok()) return file.status();
  COFFER_ASSIGN(const FileHead head, read_head(**file, path));
  return head.is(FileHead::What::kCoffer) && head.scan.fields.kind == Kind::kDirectory;
}

// Nothing is in it yet, but for what a crash may have left of making it.
Result<bool> is_new(Disk& disk, const std::string& store) {
  COFFER_ASSIGN(const auto entries, disk.list(store));
  return std::ranges::all_of(entries, [](const DirectoryEntry& entry) {
    return entry.name == kOfEveryFileSystem || entry.name.starts_with(kDirectoryFileName);
  });
}

Status refuse(const std::string& store, const std::string& why) { return {Code::kInvalidArgument, store + ": " + why}; }

// The parts of a path behind the store's.
std::vector<std::string> parts_of(std::string_view path, std::string_view store) {
  std::vector<std::string> out;
  path.remove_prefix(std::min(path.size(), store.size()));
  while (!path.empty()) {
    const size_t end = std::min(path.find('/'), path.size());
    if (end > 0) out.emplace_back(path.substr(0, end));
    path.remove_prefix(std::min(path.size(), end + 1));
  }
  return out;
}

}  // namespace

Result<std::shared_ptr<SealedNames>> SealedNames::of_store(std::shared_ptr<Coffer> coffer, const std::string& store,
                                                           NamesAsked asked, bool may_make) {
  const auto keyring = coffer->keyring();
  const Place place = coffer->places().of_directory(*keyring, store);
  const bool is_known = place.store != nullptr && place.exact && place.store->names_encrypted;
  COFFER_ASSIGN(const bool has_file, has_directory_file(coffer->disk(), store));
  if (is_known && asked == NamesAsked::kClear) {
    return refuse(store, "its names are encrypted, and stay so; leave --names out");
  }
  if (!is_known && asked != NamesAsked::kEncrypted) {
    if (!has_file) return std::shared_ptr<SealedNames>();
    return refuse(store, "has encrypted names, which the keyring does not know of; if it was restored or copied here, "
                         "mount it with --names encrypted");
  }
  COFFER_ASSIGN(const bool is_empty, is_new(coffer->disk(), store));
  if (!is_known && !has_file && !is_empty) {
    return refuse(store, "has files with names in clear; mount a new, empty store with --names encrypted, and copy "
                         "them there");
  }
  std::shared_ptr<SealedNames> out(new SealedNames(coffer, store));
  if (!has_file && (!is_empty || !may_make)) {
    return {is_empty ? Code::kInvalidArgument : Code::kDamaged,
            file_in(store) + ": is not there, and without it no name in the store can be read" +
                (is_empty ? "; mount it once so that it can be written" : "; restore it from a backup")};
  }
  // Before there is any name: from here on nothing is ever written with its name in clear.
  if (!is_known && may_make) COFFER_TRY(coffer->stores().encrypt_names(store));
  if (!has_file) COFFER_TRY(out->make_root());
  const Descriptor root(::open(store.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root.is_open()) return posix::failure("open", store);
  COFFER_TRY(out->directory(root.get()).status());
  return out;
}

Status SealedNames::make_root() {
  Disk& disk = coffer_->disk();
  const std::string path = file_in(store_);
  remove_leftovers(disk, path);
  COFFER_ASSIGN(const Bytes contents, new_directory_file(store_, nullptr));
  return replace_file(disk, path, contents, kDirectoryFileMode);
}

std::string SealedNames::domain_of(const EnvelopeFields& fields) const {
  const auto keyring = coffer_->keyring();
  const Domain* domain = keyring->find_key(fields.domain_key_id).domain;
  return domain != nullptr ? domain->name : std::string();
}

Result<Bytes> SealedNames::new_directory_file(const std::string& shown, const SealedDirectory* parent) {
  NewFilePlace place;
  place.path = file_in(shown);
  place.store_directory = store_;
  place.role = EngineRole::kInPlace;
  place.kind = Kind::kDirectory;
  COFFER_ASSIGN(const NewFile header, new_header(*coffer_, place));
  const bool shares_links = parent != nullptr && parent->domain() == domain_of(header.fields);
  COFFER_ASSIGN(const LinksKey links, shares_links ? parent->links() : random_key<LinksRole>(AesSiv::kKeySize));
  return coffer::new_directory_file(header, links);
}

Result<std::shared_ptr<SealedDirectory>> SealedNames::directory(int fd) {
  struct stat st;
  if (::fstatat(fd, "", &st, AT_EMPTY_PATH) != 0) return posix::failure("stat", "a directory");
  const Inode inode{st.st_dev, st.st_ino};
  {
    const std::lock_guard lock(mutex_);
    const auto found = open_.find(inode);
    if (found != open_.end()) {
      if (auto out = found->second.lock()) return out;
    }
  }
  COFFER_ASSIGN(std::shared_ptr<SealedDirectory> opened, open(fd));
  const std::lock_guard lock(mutex_);
  if (open_.size() >= tidy_at_) {
    std::erase_if(open_, [](const auto& each) { return each.second.expired(); });
    tidy_at_ = std::max(tidy_at_, 2 * open_.size());
  }
  std::weak_ptr<SealedDirectory>& place = open_[inode];
  if (auto other = place.lock()) return other;
  place = opened;
  return opened;
}

Result<std::shared_ptr<SealedDirectory>> SealedNames::open(int fd) {
  for (;;) {
    COFFER_ASSIGN(const std::string path, path_of_fd(fd));
    auto opened = open_at(fd, path);
    if (opened.code() != Code::kNotFound) return opened;
    // A directory above it was renamed meanwhile.
    COFFER_ASSIGN(const std::string path_now, path_of_fd(fd));
    if (path_now == path) return opened;
  }
}

Result<std::shared_ptr<SealedDirectory>> SealedNames::open_at(int fd, const std::string& directory) {
  const std::string path = file_in(directory);
  Descriptor descriptor(
      ::openat(fd, kDirectoryFileName.data(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!descriptor.is_open() && (errno == ENOENT || errno == ELOOP)) {
    return {Code::kDamaged, path + ": is not there, and without it no name in its directory can be read; restore it "
                                   "from a backup"};
  }
  struct stat st;
  if (!descriptor.is_open() || ::fstat(descriptor.get(), &st) != 0) return posix::failure("open", path);
  if (!S_ISREG(st.st_mode)) return {Code::kDamaged, path + ": is not a file; restore it from a backup"};
  const std::shared_ptr<const ReadableFile> file = posix::file_of(std::move(descriptor), path);
  COFFER_ASSIGN(const OpenedFile opened, unlock(*file, path, directory));
  on_lease(opened.lease);
  auto key = OpenDirectory::open(opened, file, static_cast<uint64_t>(st.st_size));
  if (!key.is_ok()) return key.status().with_context(path);
  return std::make_shared<SealedDirectory>(std::move(*key), domain_of(opened.fields), directory);
}

Result<OpenedFile> SealedNames::unlock(const ReadableFile& file, const std::string& path,
                                       const std::string& directory) {
  COFFER_ASSIGN(const FileHead head, read_head(file, path));
  COFFER_TRY(head.refusal);
  if (head.is(FileHead::What::kNothing)) {
    return {Code::kTruncated, path + ": has no header: it was cut; restore it from a backup"};
  }
  COFFER_ASSIGN(OpenedFile opened, coffer_->unlock(head.scan, path));
  if (opened.fields.kind != Kind::kDirectory) {
    return {Code::kTampered, path + ": is a file of kind " + std::string(kind_name(opened.fields.kind)) +
                                 " that was put in the place of a directory's; restore it from a backup"};
  }
  std::string shown;
  if (paths_matter()) {
    COFFER_ASSIGN(shown, shown_path(directory));
    shown = file_in(shown);
  }
  COFFER_TRY(coffer_->check_place(opened.fields, path, shown));
  return opened;
}

Result<std::string> SealedNames::shown_path(const std::string& below) {
  // What the system says of what has no name any more.
  constexpr std::string_view kDeleted = " (deleted)";
  std::string_view rest = below;
  if (rest.ends_with(kDeleted)) rest.remove_suffix(kDeleted.size());
  Descriptor at(::open(store_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  std::string out = store_;
  for (const std::vector<std::string> parts = parts_of(rest, store_); const std::string& part : parts) {
    if (!at.is_open()) return posix::failure("open", below);
    std::string name = part;
    if (part != kDirectoryFileName) {
      COFFER_ASSIGN(const auto parent, directory(at.get()));
      COFFER_ASSIGN(name, parent->name_of(at.get(), part));
    }
    out += "/" + name;
    if (&part == &parts.back()) break;
    at = Descriptor(::openat(at.get(), part.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  }
  return out;
}

Result<std::string> SealedNames::path_below(const std::string& shown) {
  Descriptor at(::open(store_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  std::string out = store_;
  for (const std::vector<std::string> parts = parts_of(shown, store_); const std::string& part : parts) {
    if (!at.is_open()) return posix::failure("open", out);
    if (part.size() > kNameSizeMax) return {Code::kInvalidArgument, "a name has at most 255 bytes"};
    COFFER_ASSIGN(const auto parent, directory(at.get()));
    COFFER_ASSIGN(const StoredName name, parent->name_below(part));
    out += "/" + name.name;
    if (&part == &parts.back()) break;
    at = Descriptor(::openat(at.get(), name.name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  }
  return out;
}

}  // namespace coffer::fusefs
