// Whatever the bytes are, reading them as an index or a part of a backup, or as a target's marker, neither crashes nor
// yields what was not backed up.
#include "coffer/format/backup.h"

#include "fuzz/input.h"

namespace coffer {
namespace {

struct BackedUpOnce {
  const KeyringKey key = fuzz_key<KeyringKey>(32, 1);
  BackupIndex index;
  Bytes part, index_bytes;
  std::string marker;

  BackedUpOnce() {
    index.id.bytes.fill(3), index.coffer_id.bytes.fill(4), index.made = 1'900'000'000;
    const Id part_id = fuzz_part_id();
    BackupPart contents;
    contents.domain = "system";
    contents.keys.push_back({part_id, 2});
    StreamedFile file;
    EnvelopeFields fields;
    fields.chunk_log2 = 12;
    fields.file_id.bytes.fill(5);
    file.name = "000012.sst", file.body_size = file.from = 1000;
    file.had.fill(7);
    const FileStreamKey files = backup_files_key(key, index.id, part_id).value();
    file.envelope = files.wrap(index.id, fields, FileKey::copy_of(Bytes(32, 4))).value();
    contents.files.push_back(file);
    part = seal_backup_part(key, index.id, part_id, contents).value();
    index.parts.push_back({part_id, part.size(), sha256(part).value()});
    index.objects.push_back({file.had, 1000});
    marker = format_backup_marker(index.coffer_id);
    index_bytes = seal_backup_index(index, key, [](ByteView message) {
                    return sign(Bytes(32, 9), message);
                  }).value();
  }

  static Id fuzz_part_id() {
    Id out;
    out.bytes.fill(6);
    return out;
  }
};

void read_index(const BackedUpOnce& original, ByteView bytes) {
  const auto index = read_backup_index(bytes);
  if (!index.is_ok()) return;
  if (check_backup_key(bytes, original.key).is_ok()) {
    fuzz_check(index->parts == original.index.parts && index->objects == original.index.objects,
               "what has the backup's MAC is what was backed up");
  }
}

// As if an index named it, whatever it is.
void read_part(const BackedUpOnce& original, ByteView bytes) {
  const BackupPartEntry entry{BackedUpOnce::fuzz_part_id(), bytes.size(), sha256(bytes).value()};
  if (!open_backup_part(original.key, original.index, entry, bytes).is_ok()) return;
  fuzz_check(std::ranges::equal(bytes, original.part), "what opens is what was sealed");
}

}  // namespace
}  // namespace coffer

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace coffer;
  static const BackedUpOnce original;
  FuzzInput input(data, size);
  const uint64_t what = input.below(5);
  Bytes bytes = what < 2 ? original.index_bytes : original.part;
  if (what == 4) {
    const ByteView marker = as_bytes(original.marker);
    bytes.assign(marker.begin(), marker.end());
  }
  if (what % 2 == 0) {
    input.damage(bytes, 0);
  } else {
    const ByteView rest = input.rest();  // straight from the fuzzer
    bytes.assign(rest.begin(), rest.end());
  }
  if (what < 2) {
    read_index(original, bytes);
  } else if (what < 4) {
    read_part(original, bytes);
  } else {
    const std::string text(as_text(bytes));
    if (const auto id = parse_backup_marker(text); id.is_ok()) {
      fuzz_check(format_backup_marker(*id) == text, "a marker has one form");
    }
  }
  return 0;
}
