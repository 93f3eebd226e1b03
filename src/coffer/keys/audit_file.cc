#include "coffer/keys/audit_file.h"

#include <algorithm>

#include "coffer/keys/audit_log.h"

namespace coffer {
namespace {

std::string audit_path(const std::string& directory) { return directory + "/" + std::string(kAuditFileName); }

// Empty, and its name is durable before anything relies on what is in it.
Result<std::unique_ptr<WritableFile>> make_log(Disk& disk, const std::string& directory, const std::string& beside) {
  COFFER_ASSIGN(auto file, disk.create(audit_path(directory), kAuditFileMode));
  const auto keyring = disk.info(beside);
  if (keyring.is_ok()) COFFER_TRY(file->set_owner(keyring->owner, keyring->group));
  COFFER_TRY(disk.sync_directory(directory));
  return file;
}

Result<std::unique_ptr<WritableFile>> open_log(Disk& disk, const std::string& directory, const std::string& beside) {
  const std::string path = audit_path(directory);
  const auto itself = disk.open_read_itself(path);
  if (itself.code() == Code::kNotFound) return make_log(disk, directory, beside);
  if (!itself.is_ok()) return itself.status();
  COFFER_ASSIGN(auto file, disk.open_write(path));
  COFFER_ASSIGN(const FileInfo wanted, (*itself)->info());
  COFFER_ASSIGN(const FileInfo opened, file->info());
  if (wanted.inode == opened.inode && wanted.device == opened.device) return file;
  return {Code::kInvalidArgument, path + " was replaced while it was being opened; find out by whom, and try again"};
}

// What a crash left of a line: its end is missing, or a part of it that the disk never wrote, which reads as zeros.
bool is_torn(ByteView line) { return line.back() != '\n' || std::ranges::find(line, uint8_t{0}) != line.end(); }

// Where the next line begins: at the end, but for what a crash left.
Result<uint64_t> end_of_lines(const ReadableFile& file) {
  constexpr uint64_t kFirstLook = 4096;
  COFFER_ASSIGN(const uint64_t size, file.size());
  for (uint64_t looked_at = kFirstLook; size > 0; looked_at *= 16) {
    Bytes tail(static_cast<size_t>(std::min<uint64_t>({looked_at, size, kAuditRecordSizeMax + 1})));
    COFFER_TRY(file.read_at(size - tail.size(), tail).status());
    const auto before = std::find(tail.rbegin() + 1, tail.rend(), uint8_t{'\n'});
    if (before == tail.rend() && tail.size() < size) {
      // No line is that long: whatever it is, nothing of it is taken away.
      if (tail.size() > kAuditRecordSizeMax) return size;
      continue;
    }
    const ByteView line(tail.data() + (tail.rend() - before), static_cast<size_t>(before - tail.rbegin()));
    return is_torn(line) ? size - line.size() : size;
  }
  return size;
}

}  // namespace

Status append_audit_record(Disk& disk, const std::string& directory, std::string_view record,
                           const std::string& beside) {
  const std::string what = "the audit log " + audit_path(directory);
  auto file = open_log(disk, directory, beside);
  if (file.code() == Code::kPermissionDenied) {
    return {Code::kPermissionDenied, what + ": " + std::string(file.status().message()) +
                                         "; let it belong to whom the keyring belongs, with mode 600"};
  }
  if (!file.is_ok()) return file.status().with_context(what);
  COFFER_ASSIGN(const uint64_t size, (*file)->size());
  COFFER_ASSIGN(const uint64_t end, end_of_lines(**file));
  if (end < size) COFFER_TRY((*file)->truncate(end).with_context(what));
  Bytes line(record.begin(), record.end());
  uint8_t before = '\n';
  if (end > 0) COFFER_TRY((*file)->read_at(end - 1, {&before, 1}).status());
  if (before != '\n') line.insert(line.begin(), '\n');
  Status written = (*file)->write_at(end, line);
  if (written.is_ok()) written = (*file)->sync();
  if (written.is_ok()) return written;
  // Best effort: half a line does no harm.
  [[maybe_unused]] const Status undone = (*file)->truncate(end);
  return written.with_context(what);
}

Result<Bytes> read_audit_file(Disk& disk, const std::string& directory) {
  const std::string path = audit_path(directory);
  const auto file = disk.open_read_itself(path);
  if (file.code() == Code::kNotFound) return Bytes();
  if (!file.is_ok()) return file.status();
  COFFER_ASSIGN(const uint64_t size, (*file)->size());
  if (size > kAuditLogSizeMax) {
    return {Code::kLimitExceeded, path + ": " + std::to_string(size) + " bytes are more than an audit log can have; " +
                                      "find out what wrote so much"};
  }
  Bytes out(static_cast<size_t>(size));
  COFFER_ASSIGN(const size_t count, (*file)->read_at(0, out));
  out.resize(count);
  return out;
}

}  // namespace coffer
