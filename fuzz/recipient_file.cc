// A backup's recipient: whatever its file holds, reading it does not crash, what is read is what would be written for
// it, and only the backup's key proves it.
#include "coffer/keys/recipient_file.h"

#include "fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace coffer;
  const KeyringKey key = KeyringKey::copy_of(Bytes(kKeyringKeySize, 7));
  RecipientFile original;
  original.backup.bytes.fill(1);
  original.slot = {.id = original.backup, .created = 5, .root = "safe", .handle = {Bytes(20, 2)}, .wrapped = {3, {}}};
  original.slot.wrapped.bytes = Bytes(126, 3);
  original.sender = Bytes(32, 4);
  original.shown = "private key of recipient 0a0b0c0d";
  const Bytes whole = write_recipient_file(original, key).value();
  FuzzInput input(data, size);
  Bytes bytes = whole;
  if (input.flag()) {
    input.damage(bytes, 0);
  } else {
    const ByteView rest = input.rest();
    bytes.assign(rest.begin(), rest.end());
  }
  const auto read = read_recipient_file(bytes);
  if (!read.is_ok()) return 0;
  fuzz_check(check_recipient_file(bytes, key).is_ok() == (bytes == whole), "only what the key's owner wrote is proved");
  const Bytes written = write_recipient_file(*read, key).value();
  fuzz_check(std::equal(bytes.begin(), bytes.end() - sizeof(Sha256), written.begin(), written.end() - sizeof(Sha256)),
             "what is read is what stands there");
  return 0;
}
