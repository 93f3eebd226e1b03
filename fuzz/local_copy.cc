// The copy that a machine keeps for an outage: whatever its file holds, it is refused as damaged, or what it says is
// what would be written for it, and only its keyring key proves it.
#include "coffer/store/local_copy.h"

#include "fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace coffer;
  const std::string_view text = as_text({data, size});
  const KeyringKey key = KeyringKey::copy_of(Bytes(kKeyringKeySize, 7));
  const auto copy = read_local_copy(text, "copy");
  const Status proved = authenticate_local_copy(text, "copy", key);
  if (!copy.is_ok()) {
    fuzz_check(copy.code() == Code::kDamaged && proved.code() == Code::kDamaged, "what is no copy is damaged");
    return 0;
  }
  const std::string written = seal_local_copy(*copy, key).value();
  fuzz_check(authenticate_local_copy(written, "copy", key).is_ok(), "what is written is authentic");
  fuzz_check(seal_local_copy(read_local_copy(written, "copy").value(), key).value() == written, "and is read back");
  fuzz_check(proved.code() == Code::kTampered || proved.is_ok(), "what nobody with the key wrote is tampered");
  return 0;
}
