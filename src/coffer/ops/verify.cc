#include "coffer/ops/verify.h"

namespace coffer {
namespace {

constexpr int kAttemptsMax = 3;

bool is_whole(const VerifyOptions& options, const std::string& path) {
  return options.role_of != nullptr && options.role_of(path) == EngineRole::kWhole;
}

Status check_end(const VerifiedFile& file) {
  if (file.findings.closed) return Status::ok();
  if (file.findings.torn_bytes == 0) {
    return {Code::kTruncated, file.path + ": its clean close is missing: it was cut; restore it from a backup"};
  }
  return {Code::kDamaged, file.path + ": " + std::to_string(file.findings.torn_bytes) +
                              " bytes at its end cannot be read, and it was complete once; restore it from a backup"};
}

Status read_whole(Coffer& coffer, const VerifyOptions& options, VerifiedFile& file) {
  COFFER_ASSIGN(auto reader, FileReader::open(coffer, file.path, FileReaderOptions{.allow_unauthenticated = true}));
  file.fields = reader->fields();
  for (;;) {
    auto piece = reader->next();
    if (!piece.is_ok()) return piece.status();
    if (piece->empty()) break;
  }
  file.findings = reader->findings();
  return file.fields.kind == Kind::kLog && is_whole(options, file.path) ? check_end(file) : Status::ok();
}

// A file that an engine is writing looks cut off or, in the middle of a recycling, worse. It is judged only if it stood
// still while it was read.
bool same_file(const Result<FileInfo>& before, const Result<FileInfo>& after) {
  return before.is_ok() && after.is_ok() && before->inode == after->inode && before->size == after->size &&
         before->modified_ns == after->modified_ns;
}

Result<bool> judge(Coffer& coffer, const VerifyOptions& options, VerifiedFile& file) {
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    auto before = coffer.disk().info(file.path);
    file.status = read_whole(coffer, options, file);
    auto after = coffer.disk().info(file.path);
    if (before.code() == Code::kNotFound || after.code() == Code::kNotFound) return false;
    if (file.status.is_ok() || same_file(before, after)) return true;
  }
  file.changing = true;
  file.status = Status::ok();
  return true;
}

}  // namespace

Status verify(Coffer& coffer, const std::vector<std::string>& paths, const VerifyOptions& options,
              const VerifyVisitor& visitor) {
  return visit_files(coffer, paths, [&](const InventoryFile& seen) -> Status {
    VerifiedFile file;
    file.path = seen.path;
    file.size = seen.size;
    file.empty = seen.empty;
    if (!seen.empty) {
      COFFER_ASSIGN(bool exists, judge(coffer, options, file));
      if (!exists) return Status::ok();
    } else if (is_whole(options, file.path)) {
      file.empty = false;
      file.status = {Code::kTruncated, file.path + ": it is empty, and was not once; restore it from a backup"};
    }
    return visitor(file);
  });
}

}  // namespace coffer
