// What stands in the place of a keyring that moves: whatever it is, reading it does not crash, one that arrives is what
// would be written for what is read, and only who has the keyring's keys is believed that it has gone.
#include "coffer/keys/move_record.h"

#include "coffer/base/crc32c.h"
#include "fuzz/input.h"

namespace {

using namespace coffer;

struct Moved {
  Keyring keyring = Keyring::create({{1}}, 1).value();
  Bytes arriving;
  Bytes gone;

  Moved() {
    KeyringSlot slot{.id = {{2}}, .created = 5, .root = "root-1", .handle = {Bytes(20, 2)}, .wrapped = {1, {}}};
    slot.wrapped.bytes = Bytes(40, 3);
    const auto key = KeyringKey::copy_of(Bytes(kKeyringKeySize, 7));
    const auto seal = [&] { return KeyringCodec::seal(keyring, std::span(&slot, 1), key).value(); };
    fuzz_check(KeyringCodec::prepare_successor(keyring, seal(), 2).is_ok(), "a second version");
    const Bytes sealed = seal();
    arriving = arriving_record(sealed, "a line\n").value();
    gone = gone_record(keyring, {2, sha256(sealed).value()}).value();
  }
};

void check(const Bytes& bytes, const Moved& moved) {
  const auto record = read_move_record(bytes);
  fuzz_check(!moved_keyring(bytes, "here").is_ok(), "no record is a keyring that is there");
  if (!record.is_ok()) return;
  fuzz_check(is_move_record(bytes), "what is read begins like one");
  if (record->is_gone()) {
    const bool is_believed = check_gone_record(*record, moved.keyring).is_ok();
    fuzz_check(is_believed == (bytes == moved.gone), "only who has the keys is believed");
    return;
  }
  fuzz_check(arriving_record(record->keyring, record->audit_record).value() == bytes, "it is what stands there");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Moved* const moved = new Moved;
  FuzzInput input(data, size);
  const uint64_t from = input.below(3);
  const bool is_checksum_right = input.flag();
  Bytes bytes = from == 0 ? moved->gone : moved->arriving;
  if (from < 2) {
    input.damage(bytes, 0);
  } else {
    const ByteView rest = input.rest();
    bytes.assign(rest.begin(), rest.end());
  }
  // Else little gets past the first gate.
  if (is_checksum_right && bytes.size() >= 4) {
    store_le32(bytes.data() + bytes.size() - 4, crc32c(ByteView(bytes).first(bytes.size() - 4)));
  }
  check(bytes, *moved);
  return 0;
}
