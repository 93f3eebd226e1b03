// A backup's index and parts, without a target: what is read is what was written, for who has the backup's key.
#include "coffer/format/backup.h"

#include <gtest/gtest.h>

#include <functional>

#include "coffer/crypto/random.h"

namespace coffer {
namespace {

Id id_of(uint8_t byte) {
  Id out;
  out.bytes.fill(byte);
  return out;
}

class Backups : public testing::Test {
 protected:
  Backups() {
    index_.id = id_of(3), index_.coffer_id = id_of(4), index_.made = 1'900'000'000;
    index_.parts = {{id_of(1), 100, {}}, {id_of(2), 200, {}}};
    index_.objects.resize(2);
    index_.objects[0].digest.fill(1), index_.objects[0].size = 5;
    index_.objects[1].digest.fill(2), index_.objects[1].size = uint64_t{1} << 40;
  }

  BackupSigner signer() const {
    return [this](ByteView message) { return sign(seed_.reveal(), message); };
  }
  Bytes sealed_index() const { return seal_backup_index(index_, key_, signer()).value(); }

  // One part, of one file and an empty one, as the target would have it.
  BackupPart contents(uint64_t body = 70'000) const {
    BackupPart out;
    out.domain = "tenant-7";
    out.keys = {{id_of(7), 1}, {id_of(8), 3}};
    StreamedFile file, empty;
    EnvelopeFields fields;
    fields.chunk_log2 = 12;
    fields.file_id = id_of(9);
    file.name = "000012.sst", file.mode = 0640, file.body_size = file.from = body;
    file.had.fill(body == 0 ? 0 : 6);
    file.envelope = backup_files_key(key_, index_.id, part_)->wrap(index_.id, fields, file_key_).value();
    empty.name = "LOCK", empty.empty = true;
    out.files = {file, empty};
    return out;
  }
  // In a backup of its own each time: a part is sealed once.
  Bytes sealed_part(const BackupPart& part) {
    Bytes out = seal_backup_part(key_, index_.id, part_, part).value();
    entry_ = {part_, out.size(), sha256(out).value()};
    return out;
  }
  Result<BackupPart> opened(ByteView bytes) const { return open_backup_part(key_, index_, entry_, bytes); }
  // As if the index named these bytes.
  Result<BackupPart> opened_as_named(ByteView bytes) {
    entry_ = {part_, bytes.size(), sha256(bytes).value()};
    return opened(bytes);
  }

  const KeyringKey key_ = std::move(random_key<KeyringRole>(32)).value();
  const SecretBytes seed_ = std::move(random_secret(32)).value();
  const FileKey file_key_ = FileKey::copy_of(Bytes(32, 0x5a));
  const Id part_ = id_of(1);
  BackupIndex index_;
  BackupPartEntry entry_;
};

TEST_F(Backups, AnIndexIsReadAsItWasWritten) {
  const Bytes bytes = sealed_index();
  const auto read = read_backup_index(bytes);
  ASSERT_TRUE(read.is_ok()) << read.status().to_string();
  EXPECT_EQ(read->id, index_.id);
  EXPECT_EQ(read->coffer_id, index_.coffer_id);
  EXPECT_EQ(read->made, index_.made);
  EXPECT_EQ(read->parts, index_.parts);
  EXPECT_EQ(read->objects, index_.objects);
  EXPECT_EQ(read->signer, signature_public_key(seed_.reveal()).value());
  EXPECT_EQ(read->find_part(id_of(2))->size, 200u);
  EXPECT_EQ(read->find_part(id_of(9)), nullptr);
  EXPECT_EQ(read->find_object(index_.objects[1].digest)->size, uint64_t{1} << 40);
  EXPECT_EQ(read->find_object(Sha256{}), nullptr);
}

TEST_F(Backups, EveryBitAndEveryByteOfAnIndexCounts) {
  const Bytes bytes = sealed_index();
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    Bytes flipped = bytes;
    flipped[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    const auto read = read_backup_index(flipped);
    // Another public key than the one that signed is the signer's no more.
    EXPECT_FALSE(read.is_ok()) << bit;
  }
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(read_backup_index(ByteView(bytes).first(size)).code(), Code::kTruncated) << size;
  }
  Bytes longer = bytes;
  longer.push_back(0);
  EXPECT_EQ(read_backup_index(longer).code(), Code::kTampered);
}

TEST_F(Backups, OtherBytesAreNoIndex) {
  EXPECT_EQ(read_backup_index(as_bytes("SQLite format 3")).code(), Code::kPlaintext);
  Bytes bytes = sealed_index();
  bytes[8] = 2;
  EXPECT_EQ(read_backup_index(bytes).code(), Code::kUnsupported);
  bytes = sealed_index();
  bytes[22] = 0xff;  // objects without end
  EXPECT_EQ(read_backup_index(bytes).code(), Code::kTampered);
}

TEST_F(Backups, AnIndexIsOfItsBackupsKeyOnly) {
  const Bytes bytes = sealed_index();
  EXPECT_TRUE(check_backup_key(bytes, key_).is_ok());
  EXPECT_EQ(check_backup_key(bytes, std::move(random_key<KeyringRole>(32)).value()).code(), Code::kWrongKey);
}

TEST_F(Backups, AnIndexObeysItsRules) {
  const auto code_of = [&](const std::function<void(BackupIndex&)>& change) {
    BackupIndex changed = index_;
    change(changed);
    return seal_backup_index(changed, key_, signer()).code();
  };
  EXPECT_EQ(code_of([](BackupIndex&) {}), Code::kOk);
  EXPECT_EQ(code_of([](BackupIndex& index) { index.objects.clear(); }), Code::kOk);
  EXPECT_EQ(code_of([](BackupIndex& index) { index.parts.clear(); }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](BackupIndex& index) { std::swap(index.parts[0], index.parts[1]); }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](BackupIndex& index) { index.parts[1] = index.parts[0]; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](BackupIndex& index) { index.parts[0].size = kBackupFileSizeMax + 1; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](BackupIndex& index) { std::swap(index.objects[0], index.objects[1]); }),
            Code::kInvalidArgument);
  EXPECT_EQ(code_of([](BackupIndex& index) { index.objects[1] = index.objects[0]; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](BackupIndex& index) { index.objects[0].size = 0; }), Code::kInvalidArgument);
}

TEST_F(Backups, APartIsReadAsItWasWritten) {
  const Bytes bytes = sealed_part(contents());
  EXPECT_EQ(as_text(bytes).find("tenant-7"), std::string_view::npos);
  EXPECT_EQ(as_text(bytes).find("000012"), std::string_view::npos);
  const auto part = opened(bytes);
  ASSERT_TRUE(part.is_ok()) << part.status().to_string();
  EXPECT_EQ(part->domain, "tenant-7");
  EXPECT_EQ(part->keys, contents().keys);
  ASSERT_EQ(part->files.size(), 2u);
  EXPECT_EQ(part->files[0].name, "000012.sst");
  EXPECT_EQ(part->files[0].had, contents().files[0].had);
  EXPECT_TRUE(part->files[1].empty);
  const FileStreamKey key = std::move(backup_files_key(key_, index_.id, part_)).value();
  EXPECT_TRUE(std::ranges::equal(key.unwrap(part->files[0])->reveal(), file_key_.reveal()));
}

TEST_F(Backups, AFileWithoutABodyNeedsNoObject) {
  const auto part = opened(sealed_part(contents(0)));
  ASSERT_TRUE(part.is_ok()) << part.status().to_string();
  EXPECT_EQ(part->files[0].from, 0u);
}

TEST_F(Backups, EveryBitAndEveryByteOfAPartCounts) {
  const Bytes bytes = sealed_part(contents());
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    Bytes flipped = bytes;
    flipped[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_EQ(opened(flipped).code(), Code::kDamaged) << bit;
  }
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(opened(ByteView(bytes).first(size)).code(), Code::kDamaged) << size;
  }
  // Nor is it believed because an index names it.
  for (size_t at = 0; at < bytes.size(); ++at) {
    Bytes flipped = bytes;
    flipped[at] ^= 1;
    EXPECT_EQ(opened_as_named(flipped).code(), at == 8 || at == 9 ? Code::kUnsupported : Code::kTampered) << at;
  }
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(opened_as_named(ByteView(bytes).first(size)).code(), Code::kTampered) << size;
  }
}

TEST_F(Backups, APartIsOfItsBackupAndItsKeyOnly) {
  const Bytes bytes = sealed_part(contents());
  const KeyringKey other = std::move(random_key<KeyringRole>(32)).value();
  EXPECT_EQ(open_backup_part(other, index_, entry_, bytes).code(), Code::kTampered);
  BackupIndex elsewhere = index_;
  elsewhere.id = id_of(5);
  EXPECT_EQ(open_backup_part(key_, elsewhere, entry_, bytes).code(), Code::kTampered);
  entry_.id = id_of(2);
  EXPECT_EQ(opened(bytes).code(), Code::kTampered) << "another domain's place";
}

TEST_F(Backups, APartObeysItsRules) {
  const auto code_of = [&](const std::function<void(BackupPart&)>& change) {
    BackupPart changed = contents();
    change(changed);
    return seal_backup_part(key_, index_.id, part_, changed).code();
  };
  EXPECT_EQ(code_of([](BackupPart& part) { part.domain.clear(); }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](BackupPart& part) { part.domain = std::string(65, 'd'); }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](BackupPart& part) { part.domain = "a\nb"; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](BackupPart& part) { std::swap(part.keys[0], part.keys[1]); }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](BackupPart& part) { part.keys[0].version = 0; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](BackupPart& part) { --part.files[0].from; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](BackupPart& part) { part.files[0].envelope.fields.store_id = Id(); }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](BackupPart& part) { part.files[0].name = "../x"; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](BackupPart& part) { part.files.clear(); }), Code::kInvalidArgument);
}

TEST_F(Backups, ANoteOfAShreddingIsOfItsPartAndItsCoffer) {
  const BackupIndex index = read_backup_index(sealed_index()).value();
  const Bytes note = seal_shredded_note(index.id, part_, 1'900'000'001, signer()).value();
  EXPECT_EQ(read_shredded_note(note, index, part_).value(), 1'900'000'001u);
  EXPECT_EQ(read_shredded_note(note, index, id_of(2)).code(), Code::kTampered);
  for (size_t at = 0; at < note.size(); ++at) {
    Bytes flipped = note;
    flipped[at] ^= 1;
    EXPECT_FALSE(read_shredded_note(flipped, index, part_).is_ok()) << at;
    EXPECT_EQ(read_shredded_note(ByteView(note).first(at), index, part_).code(), Code::kTampered) << at;
  }
  const auto stranger = [](ByteView message) { return sign(Bytes(32, 1), message); };
  EXPECT_EQ(read_shredded_note(seal_shredded_note(index.id, part_, 1, stranger).value(), index, part_).code(),
            Code::kTampered);
  BackupIndex other = index;
  other.id = id_of(8);
  EXPECT_EQ(read_shredded_note(note, other, part_).code(), Code::kTampered);
}

TEST(BackupMarkers, SayWhoseTargetItIs) {
  const std::string text = format_backup_marker(id_of(0xab));
  EXPECT_EQ(parse_backup_marker(text).value(), id_of(0xab));
  for (size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(parse_backup_marker(text.substr(0, size)).is_ok()) << size;
  }
  EXPECT_EQ(parse_backup_marker("something else").code(), Code::kPlaintext);
  EXPECT_EQ(parse_backup_marker(text + "\n").code(), Code::kTampered);
  EXPECT_EQ(parse_backup_marker("coffer backups 2\ncoffer " + id_of(1).hex() + "\n").code(), Code::kUnsupported);
}

}  // namespace
}  // namespace coffer
