// The worked example of docs/format.md, section 26: a backup of the file of sections 3 and 4.
#include "coffer/format/backup.h"
#include "coffer/keys/recipient_file.h"
#include "coffer/providers/key_file/key_file_provider.h"
#include "format/worked_example.h"
#include "io/temporary_directory.h"

namespace coffer {
namespace {

class BackupExample : public WorkedExample {
 protected:
  BackupExample() {
    fields_.kind = Kind::kBlocks;
    fields_.chunk_log2 = 10;
    // As Keyring::authenticate() gives it, by the audit key of section 7.
    Bytes message(as_bytes("coffer/v1 backup part").begin(), as_bytes("coffer/v1 backup part").end());
    message.push_back(0);
    for (const ByteView each : {coffer_.view(), backup_.view(), as_bytes("system")}) {
      message.insert(message.end(), each.begin(), each.end());
    }
    const Sha256 mac = hmac_sha256(counting(32, 0xe0), message).value();
    std::copy_n(mac.begin(), part_.bytes.size(), part_.bytes.begin());
  }

  Bytes derived(std::string_view label, bool of_part, size_t size) const {
    Bytes context(backup_.view().begin(), backup_.view().end());
    if (of_part) context.insert(context.end(), part_.view().begin(), part_.view().end());
    const SecretBytes out = derive(key_.reveal(), label, context, size).value();
    return {out.reveal().begin(), out.reveal().end()};
  }

  StreamedFile file() const {
    StreamedFile out;
    out.name = "000007.sst", out.mode = 0640;
    out.body_size = out.from = body_.size();
    DigestOfPieces digest;
    EXPECT_TRUE(digest.add(body_).is_ok());
    out.had = digest.finish().value();
    out.envelope = backup_files_key(key_, backup_, part_)->wrap(backup_, fields_, file_key_).value();
    return out;
  }

  Bytes part() const {
    const BackupPart contents{"system", {{fields_.domain_key_id, 1}}, {file()}};
    return seal_backup_part(key_, backup_, part_, contents).value();
  }

  Bytes index() const {
    const Bytes sealed = part();
    BackupIndex out;
    out.id = backup_, out.coffer_id = coffer_, out.made = 1'700'000'000;
    out.parts = {{part_, sealed.size(), sha256(sealed).value()}};
    out.objects = {{file().had, body_.size()}};
    return seal_backup_index(out, key_, [](ByteView message) { return sign(counting(32, 0xc0), message); }).value();
  }

  // By the key file of section 7.
  Bytes recipient() const {
    TemporaryDirectory directory;
    const std::string path = directory / "root.key";
    EXPECT_TRUE(create_file(Disk::posix(), path, counting(64, 0), 0600).is_ok());
    const auto provider = make_key_file_provider(Disk::posix(), path);
    const RootKeyHandle handle = provider->current().value();
    RecipientFile out{backup_, {.id = counting_id(0x50), .created = 1'700'000'000, .root = "safe", .handle = handle,
                                .wrapped = {}}, {}, "key file"};
    out.slot.wrapped = provider->wrap(handle, {backup_, out.slot.id}, key_).value();
    return write_recipient_file(out, key_).value();
  }

  const Id coffer_ = counting_id(0x40), backup_ = counting_id(0xa0);
  const KeyringKey key_ = KeyringKey::copy_of(counting(32, 0x60));
  const Bytes body_ = blocks_body("Coffer");
  Id part_;
};

TEST_F(BackupExample, IsWhatIsWritten) {
  const Bytes of_part = derived("backup part", true, 44), sealed = index();
  ExampleText text;
  text.value("part id", part_.view());
  text.value("key of the part", slice(of_part, 0, 32));
  text.value("its nonce", slice(of_part, 32, 12));
  text.value("files key", derived("backup files", true, 32));
  text.value("index MAC key", derived("backup index", false, 32));
  text.value("body's digest", file().had);
  text.value("signer", signature_public_key(counting(32, 0xc0)).value());
  text.line("");
  text.line("backups/" + backup_.hex() + "/part-" + part_.hex());
  text.dump(part(), 0);
  text.line("backups/" + backup_.hex() + "/index");
  text.dump(sealed, 0);
  text.line("backups/" + backup_.hex() + "/recipient-safe");
  text.dump(recipient(), 0);
  expect_on_page(text);
}

}  // namespace
}  // namespace coffer
