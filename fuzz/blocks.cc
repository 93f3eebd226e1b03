// A blocks file, damaged in any way, opens to its plaintext or not at all; and its arithmetic holds for every size.
#include "coffer/format/blocks.h"

#include "coffer/format/envelope.h"
#include "format/known_salt.h"
#include "fuzz/input.h"

namespace coffer {
namespace {

constexpr int kChunkLog2 = 10;

void check_layout(uint64_t size) {
  for (int log2 : {10, 14, 20}) {
    BlocksLayout layout = BlocksLayout::create(log2).value();
    Result<uint64_t> logical = layout.logical_size(size);
    if (logical.is_ok()) fuzz_check(layout.physical_size(*logical) == size, "sizes correspond");
    uint64_t bounded = size % (kBlocksSizeMax + 1);
    fuzz_check(layout.logical_size(layout.physical_size(bounded)).value() == bounded, "every size has a file");
  }
}

// Any range that opens is the plaintext's.
void read(const FileKey& key, const Bytes& file, const Bytes& plaintext, FuzzInput& input) {
  ByteView prefix = ByteView(file).subspan(std::min(file.size(), kEnvelopeSize));
  auto opener = KnownSalt::blocks_opener(key, Suite::kAes256Gcm, kChunkLog2, {},
                                         prefix.first(std::min(prefix.size(), kBlocksPrefixSize)), file.size());
  if (!opener.is_ok()) return;
  Bytes sealed = file;
  auto end = opener->end_range();
  bool whole = opener->verify_end(MutableBytes(sealed).subspan(end.offset, end.size)).is_ok();
  fuzz_check(!whole || opener->logical_size() == plaintext.size(), "a size that is proven is the right one");
  if (opener->logical_size() == 0) return;
  uint64_t offset = input.below(opener->logical_size());
  uint64_t size = 1 + input.below(opener->logical_size() - offset);
  sealed = file;
  Bytes out(size, 0xcc);
  auto range = opener->range(offset, size);
  Status status = opener->open(offset, size, MutableBytes(sealed).subspan(range.offset, range.size), out.data());
  if (!status.is_ok()) {
    fuzz_check(out == Bytes(size), "a range that fails is zeros");
    return;
  }
  fuzz_check(offset + size <= plaintext.size(), "nothing is read beyond the plaintext");
  fuzz_check(std::equal(out.begin(), out.end(), plaintext.begin() + static_cast<ptrdiff_t>(offset)),
             "nothing is altered");
}

}  // namespace
}  // namespace coffer

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace coffer;
  static const FileKey key = fuzz_key<FileKey>(32, 1);
  FuzzInput input(data, size);
  check_layout(input.below(65536) << input.below(49));
  Bytes plaintext(input.below(4 * 1024));
  for (size_t i = 0; i < plaintext.size(); ++i) plaintext[i] = static_cast<uint8_t>(i * 7 + i / 256);
  auto sealer = KnownSalt::blocks_sealer(key, Suite::kAes256Gcm, kChunkLog2, {}, Bytes(24, 3)).value();
  Buffer out;
  size_t first = plaintext.empty() ? 0 : input.below(plaintext.size());
  out.append(Bytes(kEnvelopeSize));
  fuzz_check(sealer.append(ByteView(plaintext).first(first), out).is_ok(), "appends");
  fuzz_check(sealer.append(ByteView(plaintext).subspan(first), out).is_ok(), "appends");
  fuzz_check(sealer.finish(out).is_ok(), "finishes");
  Bytes file(out.view().begin(), out.view().end());
  uint64_t offset_and_size = input.below(65536);
  FuzzInput where(reinterpret_cast<const uint8_t*>(&offset_and_size), 4);
  if (input.flag()) {
    ByteView rest = input.rest();
    file.resize(kEnvelopeSize + kBlocksPrefixSize);
    file.insert(file.end(), rest.begin(), rest.end());
  } else {
    input.damage(file, kEnvelopeSize);
  }
  read(key, file, plaintext, where);
  return 0;
}
