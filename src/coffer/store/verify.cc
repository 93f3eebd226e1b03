#include "coffer/store/verify.h"

namespace coffer {
namespace {

constexpr int kAttemptsMax = 3;

Status read_whole(Coffer& coffer, VerifiedFile& file) {
  COFFER_ASSIGN(auto reader, FileReader::open(coffer, file.path, FileReaderOptions{.allow_unauthenticated = true}));
  file.fields = reader->fields();
  for (;;) {
    auto piece = reader->next();
    if (!piece.is_ok()) return piece.status();
    if (piece->empty()) break;
  }
  file.findings = reader->findings();
  return Status::ok();
}

// A file that an engine is writing looks cut off or, in the middle of a recycling, worse. It is judged only if it stood
// still while it was read.
bool same_file(const Result<FileInfo>& before, const Result<FileInfo>& after) {
  return before.is_ok() && after.is_ok() && before->inode == after->inode && before->size == after->size &&
         before->modified_ns == after->modified_ns;
}

Result<bool> judge(Coffer& coffer, VerifiedFile& file) {
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    auto before = coffer.disk().info(file.path);
    file.status = read_whole(coffer, file);
    auto after = coffer.disk().info(file.path);
    if (before.code() == Code::kNotFound || after.code() == Code::kNotFound) return false;
    if (file.status.is_ok() || same_file(before, after)) return true;
  }
  file.changing = true;
  file.status = Status::ok();
  return true;
}

}  // namespace

Status verify(Coffer& coffer, const std::vector<std::string>& paths, const VerifyVisitor& visitor) {
  return visit_files(coffer, paths, [&](const InventoryFile& seen) -> Status {
    VerifiedFile file;
    file.path = seen.path;
    file.size = seen.size;
    file.empty = seen.empty;
    if (!seen.empty) {
      COFFER_ASSIGN(bool exists, judge(coffer, file));
      if (!exists) return Status::ok();
    }
    return visitor(file);
  });
}

}  // namespace coffer
