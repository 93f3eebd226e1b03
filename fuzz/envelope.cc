// Whatever the 8192 bytes are, reading them neither crashes nor yields anything but what was written.
#include "coffer/format/envelope.h"

#include "coffer/base/crc32c.h"
#include "fuzz/input.h"

namespace coffer {
namespace {

struct Original {
  DomainKey domain_key = fuzz_key<DomainKey>(32, 0);
  FileKey file_key = fuzz_key<FileKey>(32, 100);
  EnvelopeFields fields;
  Bytes bytes = Bytes(kEnvelopeSize);

  Original() {
    fields.kind = Kind::kBlocks;
    fields.chunk_log2 = 12;
    fields.domain_key_version = 1;
    fields.file_id.bytes.fill(7);
    Status status =
        seal_envelope(fields, domain_key, file_key, std::span<uint8_t, kEnvelopeSize>(bytes.data(), kEnvelopeSize));
    fuzz_check(status.is_ok(), "an envelope can be sealed");
  }
};

void read(const Original& original, ByteView bytes) {
  Result<EnvelopeScan> scan = scan_envelope(bytes);
  if (!scan.is_ok() || scan->current < 0) return;
  Result<FileKey> key = open_envelope(*scan, original.domain_key);
  if (!key.is_ok()) return;
  EnvelopeFields expected = original.fields;
  expected.sequence = scan->fields.sequence;
  fuzz_check(scan->fields == expected && scan->fields.sequence <= 2, "what authenticates is what was written");
  fuzz_check(std::ranges::equal(key->reveal(), original.file_key.reveal()), "the file key is the one that was wrapped");
}

}  // namespace
}  // namespace coffer

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace coffer;
  static const Original original;
  FuzzInput input(data, size);
  Bytes bytes(kEnvelopeSize);
  if (input.flag()) {
    // Straight from the fuzzer, at the front of both slots.
    ByteView rest = input.rest();
    for (size_t slot : {size_t{0}, kSlotSize}) {
      std::copy_n(rest.begin(), std::min(rest.size(), kSlotSize), bytes.begin() + static_cast<ptrdiff_t>(slot));
    }
  } else {
    bytes = original.bytes;
    bool fix = input.flag();
    input.damage(bytes, 0);
    for (size_t record : {size_t{0}, kSlotSize}) {
      if (fix && bytes.size() >= kEnvelopeSize) store_le32(&bytes[record + 508], crc32c({&bytes[record], 508}));
    }
  }
  read(original, bytes);
  return 0;
}
