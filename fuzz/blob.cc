// Whatever the bytes are, reading them as a blob neither crashes nor yields anything but what was sealed.
#include "coffer/format/blob.h"

#include "coffer/base/crc32c.h"
#include "fuzz/input.h"

namespace coffer {
namespace {

constexpr std::string_view kContext = "context";
constexpr std::string_view kMessage = "message of a blob";

struct SealedOnce {
  DomainKey domain_key = fuzz_key<DomainKey>(32, 0);
  Bytes bytes = Bytes(kBlobOverhead + kMessage.size());

  SealedOnce() {
    BlobFields fields;
    fields.domain_key_version = 1;
    fields.message_size = static_cast<uint32_t>(kMessage.size());
    fuzz_check(seal_blob(fields, domain_key, as_bytes(kContext), as_bytes(kMessage), bytes.data()).is_ok(),
               "a blob can be sealed");
  }
};

void open(const SealedOnce& original, ByteView bytes) {
  const auto fields = read_blob(bytes);
  if (!fields.is_ok()) return;
  fuzz_check(fields->message_size + kBlobOverhead == bytes.size(), "a blob is as long as it says");
  Bytes message(fields->message_size + 1, 0xEE);
  const Status opened = open_blob(bytes, *fields, original.domain_key, as_bytes(kContext), message.data());
  fuzz_check(message.back() == 0xEE, "nothing is written behind the message");
  message.pop_back();
  if (opened.is_ok()) {
    fuzz_check(as_text(message) == kMessage, "what opens is what was sealed");
    fuzz_check(std::ranges::equal(bytes, original.bytes), "a blob opens as it was made, or not at all");
    return;
  }
  fuzz_check(std::ranges::all_of(message, [](uint8_t byte) { return byte == 0; }), "nothing else is released");
}

}  // namespace
}  // namespace coffer

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace coffer;
  static const SealedOnce original;
  FuzzInput input(data, size);
  if (input.flag()) {
    const ByteView rest = input.rest();  // straight from the fuzzer
    open(original, rest);
    return 0;
  }
  const bool fix = input.flag();
  Bytes bytes = original.bytes;
  input.damage(bytes, 0);
  if (fix && bytes.size() >= 4) {
    const size_t end = bytes.size() - 4;
    store_le32(&bytes[end], crc32c(ByteView(bytes).first(end)));
  }
  open(original, bytes);
  return 0;
}
