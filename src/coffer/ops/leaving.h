// Files at rest that leave a coffer's stores as they lie, in a stream or a backup: all are looked at before the first
// byte goes, and again at the end.
#pragma once

#include "coffer/base/clock_jump.h"
#include "coffer/files/condemned_keys.h"
#include "coffer/format/file_stream.h"
#include "coffer/ops/at_rest.h"
#include "coffer/ops/inventory.h"

namespace coffer {

struct LeavingFile {
  std::string path;
  FileInfo info;
  EnvelopeFields fields;  // of its own header; of an empty file nothing
  std::string domain;     // whose key protects it; of an empty file empty
  StreamedFile file;      // as it goes: all but what the receiver may have already
  bool settled = false;   // a change since would show in the file's times
};

// Whose key a file's key is wrapped under for the way. `domain` is that of its own header.
using LeavingKeyOf = std::function<Result<const FileStreamKey*>(const std::string& domain)>;

// Not thread-safe. What it is made of outlives it. Keeps engines out until it is destroyed.
class LeavingFiles {
 public:
  // `id`: of the stream or backup. Without records it keeps nobody out. `freezer`: stores that it can freeze need not
  // be at rest, but have to be frozen when they are collected last. REQUIRES: the keyring was just refreshed
  LeavingFiles(Coffer& coffer, const EngineRecords* records, const Id& id, LeavingKeyOf key_of,
               const StoreFreezer* freezer = nullptr);

  // A directory given alone goes as what is in it, anything else under its own name. Every file has to be genuine, at
  // its place and at rest; the first that is not is the error, and names itself: kPlaintext, kDamaged and others as
  // Coffer::open_file(); kBusy where an engine has it open; kUnsupported for a directory with encrypted names, a ctr
  // file that nobody closed, a link that leads elsewhere; kKeyUnavailable for one that a compromised key ever
  // protected; kInvalidArgument for two of one name; kNotFound where there are none.
  //
  // Again: all is looked at anew, but for the headers of files that are as they were. kConflict where there is another
  // store that is served. kChanging passes over what is wrong with files of served stores that change meanwhile.
  enum class Stores { kChanging, kStill };
  Status collect(const std::vector<std::string>& paths, Stores served);
  // Stores with files of these that somebody serves, and which can be frozen.
  const std::set<std::string>& served() const { return at_rest_.served(); }
  // One file by itself, whatever stands around it. The name is the caller's to give.
  Result<LeavingFile> look_at(const std::string& path, const EnvelopeScan& scan, const FileInfo& info);

  // By their names.
  std::map<std::string, LeavingFile>& files() { return files_; }
  // kConflict, naming the first that has changed since.
  Status check_unchanged() const;

 private:
  Status add(const InventoryFile& seen, std::string name);
  Result<LeavingFile> take(const InventoryFile& seen);
  // Whether what is wrong with it may be that it is being changed.
  bool is_changing(const InventoryFile& seen);
  // What was known of a file with these times; null: nothing.
  LeavingFile* known(const FileInfo& info);
  Status check(const EnvelopeFields& fields, const Domain& domain) const;

  Coffer& coffer_;
  const Id id_;
  const LeavingKeyOf key_of_;
  const std::shared_ptr<const Keyring> keys_;
  const CondemnedKeys compromised_;
  AtRest at_rest_;
  std::map<std::string, LeavingFile> files_;
  Stores stores_ = Stores::kStill;
  int64_t begun_ns_ = 0;  // when collect() was
  ClockJump clock_;
  // What it knew before that is not taken over yet, by device and inode.
  std::map<std::pair<uint64_t, uint64_t>, LeavingFile> before_;
};

// What is said of a file of which there is less, or other bytes, than there were.
Status changed_meanwhile(const std::string& path);

}  // namespace coffer
