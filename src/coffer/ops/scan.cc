#include "coffer/ops/scan.h"

#include <fcntl.h>
#include <fts.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <set>
#include <system_error>

#include "coffer/io/descriptor.h"

namespace coffer {
namespace {

constexpr size_t kBlockSize = size_t{1} << 20;

Status system_error(int error) {
  const Code code = error == EACCES || error == EPERM ? Code::kPermissionDenied
                    : error == ENOENT                 ? Code::kNotFound
                                                      : Code::kIo;
  return {code, std::generic_category().message(error)};
}

int by_name(const FTSENT** a, const FTSENT** b) { return std::strcmp((*a)->fts_name, (*b)->fts_name); }

// What was found in one file.
class FileHits {
 public:
  explicit FileHits(const SoughtSecrets& sought) : sought_(sought) {}

  void add(uint64_t offset, uint32_t tag) {
    Hits& hits = hits_[tag];
    // The second half of a key is no second key.
    if (hits.count > 0 && offset < hits.last + sought_.size_in(SoughtSecrets::tag_of(tag))) return;
    if (hits.count++ == 0) hits.first = offset;
    hits.last = offset;
  }

  void report(const std::string& path, std::vector<ScanHit>& out) const {
    for (const auto& [tag, hits] : hits_) {
      out.push_back({path, SoughtSecrets::tag_of(tag), hits.first, hits.count});
    }
  }

 private:
  struct Hits {
    uint64_t first = 0;
    uint64_t last = 0;
    uint64_t count = 0;
  };
  const SoughtSecrets& sought_;
  std::map<uint32_t, Hits> hits_;
};

class Scan {
 public:
  Scan(const SoughtSecrets& sought, const ScanOptions& options)
      : sought_(sought),
        options_(options),
        overlap_(std::max<size_t>(sought.search().longest(), 1) - 1),
        buffer_(overlap_ + kBlockSize) {}

  void visit(FTSENT& entry) {
    switch (entry.fts_info) {
      case FTS_D:
      case FTS_DP:
      case FTS_DC: return;  // a directory that is its own parent: it was visited
      case FTS_SL:
      case FTS_SLNONE: ++report_.links; return;
      case FTS_DNR:
      case FTS_ERR:
      case FTS_NS: return cannot_read(entry, entry.fts_errno);
      case FTS_F: return read_file_once(entry);
      default: return read_special(entry);
    }
  }
  ScanReport take() { return std::move(report_); }
  void cannot_walk(int error) { report_.unread.emplace_back("PATH", system_error(error)); }

 private:
  void cannot_read(const FTSENT& entry, int error) {
    const bool vanished = error == ENOENT || error == ELOOP;  // or it was replaced while we walk
    if (vanished && entry.fts_level > FTS_ROOTLEVEL) return;
    report_.unread.emplace_back(entry.fts_path, system_error(error));
  }

  void read_file_once(FTSENT& entry) {
    const struct stat& info = *entry.fts_statp;
    if (!seen_.emplace(info.st_dev, info.st_ino).second) return;
    const auto& except = options_.except;
    if (except.has_value() && except->device == info.st_dev && except->inode == info.st_ino) return;
    read(entry);
  }

  void read_special(FTSENT& entry) {
    if (entry.fts_level == FTS_ROOTLEVEL && S_ISBLK(entry.fts_statp->st_mode)) return read(entry);
    ++report_.special;
    if (entry.fts_level == FTS_ROOTLEVEL) {
      report_.unread.emplace_back(entry.fts_path, Status(Code::kInvalidArgument, "neither a file nor a block device"));
    }
  }

  void read(FTSENT& entry) {
    const int link = entry.fts_level == FTS_ROOTLEVEL ? 0 : O_NOFOLLOW;
    const Descriptor file(::open(entry.fts_accpath, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | link));
    if (!file.is_open()) return cannot_read(entry, errno);
    // What was a file when it was looked at may be a FIFO by now.
    struct stat info;
    if (::fstat(file.get(), &info) != 0) return cannot_read(entry, errno);
    if (!S_ISREG(info.st_mode) && !S_ISBLK(info.st_mode)) return cannot_read(entry, ENOENT);
    ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
    ++report_.files;
    FileHits hits(sought_);
    const int error = search(file.get(), hits);
    hits.report(entry.fts_path, report_.hits);
    if (error != 0) report_.unread.emplace_back(entry.fts_path, system_error(error));
  }

  // 0, or why it could not be read to its end.
  int search(int file, FileHits& hits) {
    uint64_t offset = 0;  // of what is read next
    size_t kept = 0;      // bytes before it that are in the buffer, in front
    for (;;) {
      const MutableBytes room = buffer_.reveal_mutable().subspan(kept, kBlockSize);
      const ssize_t count = ::pread(file, room.data(), room.size(), static_cast<off_t>(offset));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return count == 0 ? 0 : errno;
      const ByteView bytes = buffer_.reveal().first(kept + static_cast<size_t>(count));
      const uint64_t begin = offset - kept;
      sought_.search().find(bytes, kept, [&](size_t start, uint32_t tag) { hits.add(begin + start, tag); });
      offset += static_cast<uint64_t>(count);
      report_.bytes += static_cast<uint64_t>(count);
      if (options_.progress) options_.progress(report_);
      kept = std::min(overlap_, bytes.size());
      std::memmove(buffer_.reveal_mutable().data(), bytes.data() + bytes.size() - kept, kept);
      if (skip_hole(file, kept, offset)) kept = 0;
    }
  }

  // Where nothing but a hole follows for long, and the bytes that are kept are of it: goes on right before its end.
  // What is searched for may begin or end with zeros, but is never zeros alone.
  static bool skip_hole(int file, size_t kept, uint64_t& offset) {
    off_t data = ::lseek(file, static_cast<off_t>(offset - kept), SEEK_DATA);
    if (data < 0 && errno == ENXIO) data = ::lseek(file, 0, SEEK_END);
    if (data < 0 || static_cast<uint64_t>(data) < offset + 2 * kBlockSize) return false;
    offset = static_cast<uint64_t>(data) - kept;
    return true;
  }

  const SoughtSecrets& sought_;
  const ScanOptions& options_;
  const size_t overlap_;
  SecretBytes buffer_;  // what is read may be what is searched for
  std::set<std::pair<dev_t, ino_t>> seen_;
  ScanReport report_;
};

}  // namespace

ScanReport scan(const SoughtSecrets& sought, const std::vector<std::string>& paths, const ScanOptions& options) {
  Scan out(sought, options);
  std::vector<char*> names;
  std::vector<std::string> texts = paths;
  for (std::string& text : texts) names.push_back(text.data());
  names.push_back(nullptr);
  FTS* walk = ::fts_open(names.data(), FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name);
  if (walk == nullptr) {
    out.cannot_walk(errno);
    return out.take();
  }
  for (errno = 0; FTSENT* entry = ::fts_read(walk); errno = 0) out.visit(*entry);
  if (errno != 0) out.cannot_walk(errno);
  ::fts_close(walk);
  return out.take();
}

}  // namespace coffer
