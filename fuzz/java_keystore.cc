// JKS and JCEKS keystores, as if their hash had been right, and the serialised Java objects in them.
#include "coffer/net/stores/java_keystore.h"

#include "coffer/net/stores/java_stream.h"
#include "fuzz/input.h"

namespace {

using namespace coffer;
using namespace coffer::keystore;

void check_entry(const JavaEntry& entry, const Password& password, WorkBudget& budget) {
  if (entry.kind == JavaEntry::Kind::kPrivateKey) {
    auto key = open_encrypted_key(entry.encrypted_key_info, password, budget);
    fuzz_check(key.is_ok() || !key.status().message().empty(), "an error says what is wrong");
  } else if (entry.kind == JavaEntry::Kind::kCertificate) {
    fuzz_check(entry.certificates.size() == 1, "a trusted certificate is one");
  } else {
    auto key = open_secret_key(entry, password, budget);
    fuzz_check(!key.is_ok() || key->size() == 16 || key->size() == 24 || key->size() == 32,
               "an AES key has a known size");
  }
}

void check_object(ByteView bytes) {
  BigEndianReader reader(bytes);
  auto object = read_java_object(reader);
  if (!object.is_ok()) return;
  for (const auto& [name, value] : object->fields) {
    const bool inside =
        value.empty() || (value.data() >= bytes.data() && value.data() + value.size() <= bytes.data() + bytes.size());
    fuzz_check(inside, "a field is a part of the stream");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr uint64_t kRoundsMax = 20'000;
  const Password password(SecretBytes::copy_of(as_bytes("swordfish")));
  WorkBudget budget(kRoundsMax);
  const ByteView contents(data, size);
  check_object(contents);
  auto entries = parse_java_keystore(contents);
  if (!entries.is_ok()) return 0;
  for (const JavaEntry& entry : *entries) check_entry(entry, password, budget);
  return 0;
}
