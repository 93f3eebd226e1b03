#include "coffer/engines/rocksdb/manifest.h"

#include <algorithm>
#include <map>
#include <vector>

#include "coffer/base/codec.h"

namespace coffer::rocks {
namespace {

// As RocksDB's db/log_format.h has it: blocks of 32 KiB, in which records stand in pieces.
constexpr size_t kBlockSize = 32768;
constexpr size_t kPieceHeaderSize = 7;  // checksum (4), size (2), type (1)
enum PieceType : uint8_t { kWhole = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

// db/version_edit.h. What has the bit kIgnorable set is a field with its size in front, whatever it is.
enum Tag : uint32_t {
  kComparator = 1,
  kLogNumber = 2,
  kNextFileNumber = 3,
  kLastSequence = 4,
  kCompactCursor = 5,
  kDeletedFile = 6,
  kNewFile = 7,
  kPrevLogNumber = 9,
  kMinLogNumberToKeep = 10,
  kNewFile2 = 100,
  kNewFile3 = 102,
  kNewFile4 = 103,
  kColumnFamily = 200,
  kColumnFamilyAdd = 201,
  kColumnFamilyDrop = 202,
  kMaxColumnFamily = 203,
  kInAtomicGroup = 300,
  kBlobFileAddition = 400,
  kBlobFileGarbage = 401,
  kIgnorable = 1 << 13,
};
constexpr uint32_t kLastCustomField = 1;  // of a table
constexpr uint32_t kLastBlobField = 0;

Status unknown() { return {Code::kUnsupported, "a MANIFEST of a RocksDB that this Coffer does not know"}; }

// Numbers of seven bits a byte, and fields with their size in front.
class EditReader {
 public:
  explicit EditReader(ByteView bytes) : rest_(bytes) {}

  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }
  uint64_t number() {
    uint64_t out = 0;
    for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const uint8_t byte = rest_[0];
      rest_ = rest_.subspan(1);
      out |= uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return out;
    }
    ok_ = false;
    return 0;
  }
  void numbers(int count) {
    for (int i = 0; i < count; ++i) number();
  }
  void field() {
    const uint64_t size = number();
    ok_ = ok_ && size <= rest_.size();
    rest_ = ok_ ? rest_.subspan(size) : ByteView();
  }
  void fields_up_to(uint32_t last) {
    while (ok_ && number() != last) field();
  }

 private:
  ByteView rest_;
  bool ok_ = true;
};

// What one record says. A file that moves to another level is deleted and added in the same record.
struct Edit {
  uint64_t column_family = 0;
  bool drops = false;
  std::vector<uint64_t> added, deleted;
};

uint64_t read_table(EditReader& in, uint64_t tag) {
  in.number();  // level
  const uint64_t file = in.number();
  in.numbers(tag == kNewFile3 ? 2 : 1);  // path, size
  in.field();
  in.field();
  if (tag != kNewFile) in.numbers(2);
  if (tag == kNewFile4) in.fields_up_to(kLastCustomField);
  return file;
}

uint64_t read_blob_file(EditReader& in, bool is_addition) {
  const uint64_t file = in.number();
  in.numbers(2);
  if (is_addition) {
    in.field();
    in.field();
  }
  in.fields_up_to(kLastBlobField);
  return file;
}

bool read_field(EditReader& in, uint64_t tag, Edit& edit) {
  switch (tag) {
    case kComparator:
    case kColumnFamilyAdd: in.field(); return true;
    case kLogNumber:
    case kNextFileNumber:
    case kLastSequence:
    case kPrevLogNumber:
    case kMinLogNumberToKeep:
    case kMaxColumnFamily:
    case kInAtomicGroup: in.number(); return true;
    case kCompactCursor:
      in.number();
      in.field();
      return true;
    case kDeletedFile:
      in.number();
      edit.deleted.push_back(in.number());
      return true;
    case kNewFile:
    case kNewFile2:
    case kNewFile3:
    case kNewFile4: edit.added.push_back(read_table(in, tag)); return true;
    case kColumnFamily: edit.column_family = in.number(); return true;
    case kColumnFamilyDrop: edit.drops = true; return true;
    case kBlobFileAddition: edit.added.push_back(read_blob_file(in, true)); return true;
    case kBlobFileGarbage: read_blob_file(in, false); return true;
    default: break;
  }
  if ((tag & kIgnorable) == 0) return false;
  in.field();
  return true;
}

// The files there are, and the column family of each.
class Files {
 public:
  Status apply(ByteView record) {
    Edit edit;
    EditReader in(record);
    while (in.ok() && !in.at_end()) {
      if (!read_field(in, in.number(), edit)) return unknown();
    }
    if (!in.ok()) return unknown();
    for (uint64_t file : edit.deleted) files_.erase(file);
    for (uint64_t file : edit.added) files_[file] = edit.column_family;
    if (edit.drops) std::erase_if(files_, [&](const auto& file) { return file.second == edit.column_family; });
    return Status::ok();
  }
  std::set<uint64_t> numbers() const {
    std::set<uint64_t> out;
    for (const auto& [number, column_family] : files_) out.insert(number);
    return out;
  }

 private:
  std::map<uint64_t, uint64_t> files_;
};

}  // namespace

Result<std::set<uint64_t>> data_files_of(ByteView manifest) {
  Files files;
  Bytes record;
  size_t at = 0;
  while (manifest.size() - at >= kPieceHeaderSize) {
    const size_t left = kBlockSize - at % kBlockSize;
    if (left < kPieceHeaderSize) {  // the rest of a block is padding
      at += std::min(left, manifest.size() - at);
      continue;
    }
    const size_t size = load_le16(&manifest[at + 4]);
    const uint8_t type = manifest[at + 6];
    at += kPieceHeaderSize;
    if (size > manifest.size() - at) break;  // still being written
    const ByteView piece = manifest.subspan(at, size);
    at += size;
    if (type < kWhole || type > kLast) return unknown();
    if (type == kWhole || type == kFirst) record.clear();
    record.insert(record.end(), piece.begin(), piece.end());
    if (type == kWhole || type == kLast) COFFER_TRY(files.apply(record));
  }
  return files.numbers();
}

}  // namespace coffer::rocks
