// A file's successor: the same contents under another file key, made beside it until it takes its place. Whatever a
// crash interrupts, each name leads to the file there was or to its successor, and both are whole.
//
// S1: a successor takes a place only once it is durable, and only if all of the file was read authenticated.
// S2: it takes all names that the file has, or none; where a crash came between two of them, settle() finishes it.
// S3: a name that begins with one of the prefixes is nobody's file: what stands there may be removed.
// S4: a file that programs change in place gets one only while no program has it open: whoever had it would go on with
//     the file that lost its name. Whoever opens it in the last instant finds that it is none any more.
// S5: a database of SQLite gets one only when no journal or log beside it has anything that is not in it. Those are
//     bound to the file that they are of: they are gone, durably, before the successor takes its place.
#pragma once

#include <set>

#include "coffer/files/disk_append_file.h"
#include "coffer/files/engine_files.h"
#include "coffer/files/file_reader.h"
#include "coffer/files/pages_file.h"
#include "coffer/io/pace.h"

namespace coffer {

inline constexpr std::string_view kSuccessorPrefix = ".coffer-new.";
// The same of a name that leaves no room for the other.
inline constexpr std::string_view kLongSuccessorPrefix = ".coffer-new-of.";

bool is_successor(std::string_view path);
// "/db/000012.sst" → "/db/.coffer-new.000012.sst"
std::string successor_of(std::string_view path);

// Not thread-safe. What it is made of outlives it.
class Successors {
 public:
  struct Surroundings {
    Coffer& coffer;
    Pace& pace;
    // Called with the bytes of plaintext that were written since the last call.
    std::function<void(uint64_t)> written = {};
    // Asked before a log that was not closed is replaced, which somebody may be writing: ok, or why not.
    std::function<Status(const std::string& path)> may_replace_unclosed = {};
    // Runs what checks that the file is as it was and puts the successor in its place: for an engine that is at work,
    // and is to be kept from that place meanwhile.
    std::function<Status(const std::function<Status()>& taking)> while_taking = {};
  };
  explicit Successors(Surroundings surroundings) : around_(std::move(surroundings)), coffer_(around_.coffer) {}

  // Makes the successor of the file that has these names and no others, and puts it in its place: under the active key
  // of its domain, with the cipher and chunk size that the configuration has for its kind. Durable after sync_names().
  // On failure nothing has changed, unless the message says so: kConflict where somebody changed the file or its
  // domain's key meanwhile; kBusy where the pace was told to stop, and for a pages file or a database of SQLite that a
  // program has open; kTruncated, kTampered, kDamaged … for a file that cannot be read whole; kUnsupported for one that
  // nothing proves, and for a database that is not complete without its journal or log.
  // A journal or log of SQLite's of which SQLite needs nothing is removed instead.
  Status replace(const std::vector<std::string>& names, EngineRole role);
  // The same of a plaintext file: it becomes the encrypted one that its engine would make at `place`. Errors as there,
  // and those of new_header().
  Status encrypt(const std::vector<std::string>& names, const NewFilePlace& place);
  // And back: its plaintext takes its places. REQUIRES: no mark of freshness names it.
  Status decrypt(const std::vector<std::string>& names, EngineRole role);
  // What a crash left at `path`, a successor's name: it takes that place if it has another one already; else it is
  // removed.
  Status settle(const std::string& path, bool has_a_place);
  Status sync_names();

 private:
  struct Made {
    EnvelopeFields fields;
    uint64_t size = 0;  // on disk
    bool is_encrypted = true;
    bool is_marked = true;  // marks of freshness go over to it
    // Of what is changed in place: the file, which nobody else may have open until its successor has its place.
    std::unique_ptr<WritableFile> source = nullptr;
    size_t spoiled_size = kEnvelopeSize;  // of its beginning, which is zeros then
    std::vector<std::string> dead = {};  // journals and logs that go before (S5)
  };
  using Make = std::function<Result<Made>()>;
  Status replace_by(const std::vector<std::string>& names, EngineRole role, const FileInfo& info, const Make& make);
  Result<Made> make(const std::string& path, const FileInfo& info, EngineRole role);
  Result<Made> make_pages(const std::string& path, const FileInfo& info);
  Result<Made> make_sqlite(const std::vector<std::string>& names, const FileInfo& info);
  Result<Made> make_encrypted(const std::string& path, const FileInfo& info, const NewFilePlace& place);
  Result<Made> make_plaintext(const std::string& path, const FileInfo& info, EngineRole role);
  Result<Kind> kind_at(const std::string& path) const;
  // The name that a successor is to take, which its own name tells. kNotFound.
  Result<std::string> place_of(const std::string& successor) const;
  // To change it: nobody else has it open.
  Result<std::unique_ptr<WritableFile>> open_alone(const std::string& path) const;
  Status copy_pages(const PagesFile& from, PagesFile& to);
  Status copy_piece(const PagesFile& from, uint64_t offset, MutableBytes piece, PagesFile& to);
  // A database that is at rest, locked as SQLite locks it.
  Result<std::unique_ptr<WritableFile>> hold_database(const std::string& path) const;
  // The journals and logs beside a database that is held. kUnsupported where SQLite needs one.
  Result<std::vector<std::string>> dead_beside(const std::vector<std::string>& names) const;
  Status check_dead(const std::string& path, Kind kind) const;
  // Removes the journal or log, if it is dead.
  Status retire(const std::string& path, Kind kind);
  Status remove_dead(const std::vector<std::string>& paths);
  // Reads the file from its beginning, if it is one whose contents are proved.
  Result<std::unique_ptr<FileReader>> open_proved(const std::string& path, EngineRole role) const;
  Status check_complete(const FileReader& reader, const std::string& path, EngineRole role) const;
  // In pieces that the pace allows.
  Status hand_over(ByteView bytes, const std::function<Status(ByteView)>& append);
  Result<NewFile> header_like(const EnvelopeFields& fields) const;
  // Empty, in place of what a crash left.
  Result<std::unique_ptr<WritableFile>> create_beside(const std::string& path, const FileInfo& info);
  Result<std::unique_ptr<DiskAppendFile>> begin_beside(const std::string& path, const FileInfo& info);
  Status copy(FileReader& from, FileWriter& to, AppendFile& file);
  // The file, further names of which are in other stores, may be there.
  Status let_in(const std::vector<std::string>& names, const NewFilePlace& place, const Made& made);
  Result<uint64_t> finish(const std::string& path, const FileInfo& info);
  Status take_places(const std::vector<std::string>& names, const FileInfo& info, EngineRole role, const Made& made);
  Status take_unchanged(const std::vector<std::string>& names, const FileInfo& info, EngineRole role, const Made& made);
  Status spoil(const std::vector<std::string>& names, const Made& made);
  Status link_all(const std::vector<std::string>& names);
  Status check_unchanged(const std::vector<std::string>& names, const FileInfo& info, const Made& made) const;
  Status take_place(const std::string& name, EngineRole role, const Made& made);

  const Surroundings around_;
  Coffer& coffer_;
  bool has_begun_ = false;             // a place was taken
  std::set<std::string> directories_;  // whose names are not durable yet
};

}  // namespace coffer
