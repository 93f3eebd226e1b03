#include "coffer/files/body.h"

namespace coffer {

const Body& body_of(Kind kind) {
  switch (kind) {
    case Kind::kBlocks: return blocks_body();
    case Kind::kCtr: return ctr_body();
    case Kind::kPages: return pages_body();
    case Kind::kSqlite:
    case Kind::kSqliteJournal:
    case Kind::kSqliteWal: return sqlite_body();
    case Kind::kDirectory: return directory_body();
    case Kind::kLog: break;
  }
  return log_body();
}

Result<uint64_t> shown_size(const FileHead& head, std::shared_ptr<const ReadableFile> file, uint64_t physical_size) {
  switch (head.what) {
    case FileHead::What::kNothing: return uint64_t{0};
    case FileHead::What::kPlaintext: return physical_size;
    case FileHead::What::kUnreadable: return head.refusal;
    case FileHead::What::kCoffer: break;
  }
  const EnvelopeFields& fields = head.scan.fields;
  return body_of(fields.kind).measure(fields, std::move(file), physical_size);
}

}  // namespace coffer
