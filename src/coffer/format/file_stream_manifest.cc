// The list of a stream's files: what is in it, and the rules that keep every file within the receiver's directory (T6).
#include <algorithm>
#include <set>

#include "coffer/base/codec.h"
#include "coffer/base/text.h"
#include "coffer/format/file_stream.h"

namespace coffer {
namespace {

constexpr size_t kEntryFixedSize = 54;  // of an entry: everything but the name and the record
constexpr size_t kComponentSizeMax = 255;
constexpr size_t kDepthMax = 64;
constexpr uint16_t kModeMax = 0777;
constexpr uint64_t kBodyMax = uint64_t{1} << 48;
// What Coffer makes beside files for itself.
constexpr std::string_view kOwnPrefix = ".coffer-";

bool is_component(std::string_view name) {
  return !name.empty() && name.size() <= kComponentSizeMax && name != "." && name != ".." &&
         !name.starts_with(kOwnPrefix);
}

// A name within a directory, and nowhere else.
bool is_stream_name(std::string_view name) {
  if (name.empty() || name.size() > kFileStreamNameSizeMax || has_control(name)) return false;
  for (size_t depth = 0; depth < kDepthMax; ++depth) {
    const size_t slash = name.find('/');
    if (!is_component(name.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    name.remove_prefix(slash + 1);
  }
  return false;
}

// Of a log that nobody closed, and of what is changed in place, the size is what it is; a ctr body says its own.
std::string_view broken_body_rule(const StreamedFile& file) {
  if (file.from > file.body_size) return "more of a file is there than it has";
  if (file.body_size > kBodyMax) return "a file is larger than any";
  if (file.from == 0 && !is_all_zero(file.had)) return "a file of which nothing is there has a digest of that";
  if (file.empty) return file.body_size == 0 ? "" : "an empty file has a body";
  const EnvelopeFields& fields = file.envelope.fields;
  if (fields.kind == Kind::kDirectory) return "names of a directory go with their store only";
  if (fields.kind != Kind::kCtr) return {};
  if (!fields.body_sealed) return "a ctr file was not closed";
  return fields.body_size == file.body_size ? "" : "a ctr file is not as long as it says";
}

// What the files of one list have to obey together, in the order of their names.
class ListRules {
 public:
  // Empty, or the rule that the next file breaks.
  std::string_view broken_by(const StreamedFile& file) {
    if (!is_stream_name(file.name)) return "a name leads out of the directory, or is none that is sent";
    if (before_ != nullptr && before_->name >= file.name) return "names are not in order, or one is there twice";
    before_ = &file;
    names_.insert(file.name);
    for (size_t slash = file.name.find('/'); slash != std::string::npos; slash = file.name.find('/', slash + 1)) {
      if (names_.contains(std::string_view(file.name).substr(0, slash))) return "a file's name is also a directory's";
    }
    if (!file.empty && !ids_.insert(file.envelope.fields.file_id).second) {
      return "one file is there twice, as a copy or by another name";
    }
    return file.mode > kModeMax ? "a mode has more than permission bits" : broken_body_rule(file);
  }

 private:
  std::set<std::string_view> names_;
  std::set<Id> ids_;
  const StreamedFile* before_ = nullptr;
};

// As a slot of its own.
Result<EnvelopeScan> scan_record(ByteView record) {
  std::array<uint8_t, kEnvelopeSize> envelope{};
  std::ranges::copy(record, envelope.begin());
  COFFER_ASSIGN(EnvelopeScan scan, scan_envelope(envelope));
  if (scan.current != 0) return {Code::kTampered, "a file has no header"};
  return scan;
}

Status broken(std::string_view rule) { return {Code::kTampered, "the stream's list of files: " + std::string(rule)}; }

Result<StreamedFile> read_entry(Reader& reader) {
  StreamedFile out;
  const uint8_t what = reader.u8(), zero = reader.u8();
  out.empty = what == 0;
  out.mode = reader.u16();
  out.body_size = reader.u64();
  out.from = reader.u64();
  reader.copy_to(out.had);
  out.name = as_text(reader.bytes16(kFileStreamNameSizeMax));
  const ByteView record = reader.bytes(out.empty ? 0 : kSlotRecordSize);
  if (!reader.ok() || zero != 0 || what > 1) return broken("an entry is cut, or of no known sort");
  if (out.empty) return out;
  auto scan = scan_record(record);
  if (!scan.is_ok()) return scan.status().with_context("the stream's list of files");
  out.envelope = std::move(*scan);
  return out;
}

}  // namespace

std::string broken_stream_rule(const std::vector<StreamedFile>& files) {
  ListRules rules;
  for (const StreamedFile& file : files) {
    const std::string_view broken = rules.broken_by(file);
    if (!broken.empty()) return printable(file.name) + ": " + std::string(broken);
  }
  return {};
}

Result<Bytes> write_stream_manifest(const std::vector<StreamedFile>& files) {
  if (const std::string rule = broken_stream_rule(files); !rule.empty()) {
    return {Code::kInvalidArgument, "these files go in no stream: " + rule};
  }
  size_t size = 4;
  for (const StreamedFile& file : files) {
    size += kEntryFixedSize + file.name.size() + (file.empty ? 0 : kSlotRecordSize);
  }
  if (size > kFileStreamManifestSizeMax) {
    return {Code::kLimitExceeded, std::to_string(files.size()) + " files are too many for one stream: send parts"};
  }
  Bytes out(size);
  Writer writer(out);
  writer.u32(static_cast<uint32_t>(files.size()));
  for (const StreamedFile& file : files) {
    writer.u8(file.empty ? 0 : 1);
    writer.u8(0);
    writer.u16(file.mode);
    writer.u64(file.body_size);
    writer.u64(file.from);
    writer.bytes(file.had);
    writer.bytes16(as_bytes(file.name));
    if (!file.empty) writer.bytes(file.envelope.record);
  }
  return out;
}

Result<std::vector<StreamedFile>> read_stream_manifest(ByteView manifest) {
  Reader reader(manifest);
  const uint32_t count = reader.u32();
  std::vector<StreamedFile> out;
  if (!reader.ok() || count == 0 || count > reader.remaining() / kEntryFixedSize) return broken("it is empty, or cut");
  out.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    COFFER_ASSIGN(StreamedFile file, read_entry(reader));
    out.push_back(std::move(file));
  }
  if (!reader.finished()) return broken("something stands behind it");
  if (const std::string rule = broken_stream_rule(out); !rule.empty()) return broken(rule);
  return out;
}

}  // namespace coffer
