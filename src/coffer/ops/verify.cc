#include "coffer/ops/verify.h"

#include "coffer/base/path.h"
#include "coffer/files/file_head.h"
#include "coffer/files/successor.h"

namespace coffer {
namespace {

constexpr int kLooksMax = 5;

// What tells one file from another that has its name by now: a recycled log keeps its inode.
struct Identity {
  FileInfo info;
  Id file_id;

  bool stood_still(const Identity& later) const {
    return is_of(later) && info.size == later.info.size && info.modified_ns == later.info.modified_ns;
  }
  bool is_of(const Identity& later) const {
    return info.inode == later.info.inode && info.device == later.info.device && file_id == later.file_id;
  }
};

class Verifier {
 public:
  Verifier(Coffer& coffer, const VerifyOptions& options, const VerifyVisitor& visitor)
      : coffer_(coffer), options_(options), visitor_(visitor) {}

  Status run(const std::vector<std::string>& paths) {
    COFFER_TRY(visit_files(coffer_, paths, [&](const InventoryFile& seen) { return look(seen); }));
    for (VerifiedFile& file : suspects_) COFFER_TRY(look_again(file));
    return Status::ok();
  }

 private:
  EngineRole role_of(const std::string& path) const {
    // It was durable before its directory had a name.
    if (base_name(path) == kDirectoryFileName) return EngineRole::kWhole;
    return options_.role_of != nullptr ? options_.role_of(path) : EngineRole::kOther;
  }

  Status look(const InventoryFile& seen) {
    VerifiedFile file;
    file.path = seen.path;
    file.size = seen.size;
    file.leads_outside = seen.leads_outside;
    if (seen.leads_outside) return visitor_(file);
    read_whole(file);
    if (file.status.is_ok()) return visitor_(file);
    suspects_.push_back(std::move(file));
    return Status::ok();
  }

  void read_whole(VerifiedFile& file) {
    file.findings = {};
    file.empty = false;
    file.status = try_to_read(file);
  }

  Status try_to_read(VerifiedFile& file) const {
    const EngineRole role = role_of(file.path);
    COFFER_ASSIGN(auto reader, FileReader::open(coffer_, file.path, {.allow_unauthenticated = true, .role = role}));
    file.fields = reader->fields();
    for (;;) {
      auto piece = reader->next();
      if (!piece.is_ok()) return piece.status();
      if (piece->empty()) break;
    }
    file.findings = reader->findings();
    file.empty = file.findings.never_written;
    if (file.empty) {
      return role == EngineRole::kMetadata && reliance_on(file.path) == Reliance::kYes
                 ? Status(Code::kTruncated, file.path + ": is empty, and was not once; restore it from a backup")
                 : Status::ok();
    }
    return check_finished(file.findings, file.fields.kind, role, file.path);
  }

  Reliance reliance_on(const std::string& path) const {
    if (is_successor(path)) return Reliance::kNo;
    return options_.records != nullptr ? options_.records->reliance_on(coffer_, path) : Reliance::kUnknown;
  }

  Result<Identity> identity_of(const std::string& path) const {
    Identity out;
    COFFER_ASSIGN(auto file, coffer_.disk().open_read(path));
    COFFER_ASSIGN(out.info, file->info());
    COFFER_ASSIGN(FileHead head, read_head(*file, path));
    if (head.is(FileHead::What::kCoffer)) out.file_id = head.scan.fields.file_id;
    return out;
  }

  // A file that an engine is writing looks cut off, and so does one that a crash interrupted; in the middle of a
  // recycling it looks worse. Neither is wrong: no engine relies upon them yet. What its engine relies upon was
  // complete before it did, so a look that begins after the engine has said so decides.
  Status look_again(VerifiedFile& file) {
    bool relied_upon = false;
    for (int i = 0; i < kLooksMax; ++i) {
      auto before = identity_of(file.path);
      read_whole(file);
      auto after = identity_of(file.path);
      if (before.code() == Code::kNotFound || after.code() == Code::kNotFound) return Status::ok();
      if (file.status.is_ok()) return visitor_(file);
      switch (looks_unfinished(file.status) ? reliance_on(file.path) : Reliance::kUnknown) {
        case Reliance::kNo: return leave_unjudged(file);
        case Reliance::kYes:
          if (relied_upon) return visitor_(file);
          relied_upon = true;
          break;
        case Reliance::kUnknown:
          // Nobody has it to tell: the system's error.
          if (!before.is_ok() || !after.is_ok() || is_settled(file, *before, *after)) return visitor_(file);
          break;
      }
    }
    return leave_unjudged(file);
  }

  // What the rest of a file that is not all there yet can look like.
  static bool looks_unfinished(const Status& status) {
    return status.code() == Code::kTruncated || status.code() == Code::kTampered || status.code() == Code::kDamaged;
  }

  // A log that grows is read up to where it ends by then, and damage in it looked at twice.
  bool is_settled(const VerifiedFile& file, const Identity& before, const Identity& after) const {
    const bool may_grow = file.fields.kind == Kind::kLog && role_of(file.path) != EngineRole::kWhole;
    return may_grow || !looks_unfinished(file.status) ? before.is_of(after) : before.stood_still(after);
  }

  Status leave_unjudged(VerifiedFile& file) {
    const bool in_use = options_.records == nullptr || options_.records->in_use(file.path);
    file.unjudged = in_use ? Unjudged::kBeingWritten : Unjudged::kUnfinished;
    if (role_of(file.path) == EngineRole::kTrash) file.unjudged = Unjudged::kOnItsWayOut;
    file.status = Status::ok();
    return visitor_(file);
  }

  Coffer& coffer_;
  const VerifyOptions& options_;
  const VerifyVisitor& visitor_;
  std::vector<VerifiedFile> suspects_;
};

}  // namespace

Status verify(Coffer& coffer, const std::vector<std::string>& paths, const VerifyOptions& options,
              const VerifyVisitor& visitor) {
  return Verifier(coffer, options, visitor).run(paths);
}

}  // namespace coffer
