// Whatever the bytes are, reading them as a stream of files neither crashes nor yields files that were not sent, and no
// list of files that is accepted leads out of its directory.
#include "coffer/format/file_stream.h"

#include "fuzz/input.h"
#include "support/stream_node.h"

namespace coffer {
namespace {

struct SentOnce {
  StreamNode sender{fuzz_key<X25519Private>(32, 1), SecretBytes::copy_of(Bytes(32, 9))};
  StreamNode receiver{fuzz_key<X25519Private>(32, 40), SecretBytes::copy_of(Bytes(32, 8))};
  FileStreamKey key{fuzz_key<DomainKey>(32, 80)};
  Bytes manifest, bytes;

  SentOnce() {
    FileStreamHead head;
    head.id.bytes.fill(3);
    head.receiver = receiver.agreement();
    StreamedFile first, second;
    EnvelopeFields fields;
    fields.chunk_log2 = 12;
    fields.file_id.bytes.fill(5);
    first.name = "000012.sst", first.body_size = 1000;
    first.envelope = key.wrap(head.id, fields, FileKey::copy_of(Bytes(32, 4))).value();
    second.name = "sub/LOCK", second.empty = true;
    manifest = write_stream_manifest({first, second}).value();
    bytes = seal_file_stream(head, key, sender, manifest).value();
  }
};

void check_names(const std::vector<StreamedFile>& files) {
  for (const StreamedFile& file : files) {
    const std::string around = "/" + file.name + "/";
    fuzz_check(file.name.front() != '/' && around.find("/../") == std::string::npos &&
                   around.find("//") == std::string::npos,
               "a name stays within the directory");
    fuzz_check(file.from <= file.body_size, "no more is there than there is");
  }
}

void receive(const SentOnce& original, ByteView bytes) {
  const auto head = read_file_stream_head(bytes);
  if (!head.is_ok()) return;
  const auto key = open_file_stream_head(*head, bytes, original.receiver);
  if (!key.is_ok()) return;
  const ByteView rest = bytes.subspan(kFileStreamHeadSize);
  if (rest.size() < file_stream_rest_size(*head)) return;
  const auto files = open_file_stream(*head, bytes, rest.first(file_stream_rest_size(*head)), *key);
  if (!files.is_ok()) return;
  fuzz_check(std::ranges::equal(bytes.first(original.bytes.size()), original.bytes), "what opens is what was sealed");
}

}  // namespace
}  // namespace coffer

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace coffer;
  static const SentOnce original;
  FuzzInput input(data, size);
  const uint64_t what = input.below(4);
  Bytes bytes = what < 2 ? original.manifest : original.bytes;
  if (what % 2 == 0) {
    input.damage(bytes, 0);
  } else {
    const ByteView rest = input.rest();  // straight from the fuzzer
    bytes.assign(rest.begin(), rest.end());
  }
  if (what >= 2) {
    receive(original, bytes);
  } else if (const auto files = read_stream_manifest(bytes); files.is_ok()) {
    check_names(*files);
  }
  return 0;
}
