// Backups of a store's files in a directory, restored under the same coffer, under another one, and to plaintext.
#include "coffer/ops/backup_create.h"
#include "coffer/ops/backup_restore.h"
#include "coffer/ops/backup_verify.h"
#include "coffer/ops/keys.h"
#include "coffer/ops/rewrap.h"
#include "coffer/ops/shred.h"
#include "store/stream_fixture.h"
#include "support/fault_disk.h"

namespace coffer {
namespace {

// A root key that another process than this test need not know of.
class StoreBackups : public StreamFixture {
 protected:
  void SetUp() override {
    StreamFixture::SetUp();
    ASSERT_OK(coffer_->live_keyring().update([](Keyring& keys) { return keys.add_domain("tenant-7", 1); }));
    fill_store();
    write(db("000020.sst"), sealed_file(Kind::kBlocks, std::string(40'000, 't'), "tenant-7"));
  }

  std::string target_path() const { return root_ + "/target"; }
  NamedBackupTarget target() { return open_backup_target(*coffer_, target_path()).value(); }
  Result<MadeBackup> create(std::vector<std::string> paths = {}) {
    if (paths.empty()) paths = {root_ + "/db"};
    const NamedBackupTarget at = target();
    return create_backup(*coffer_, open_provider, at, paths,
                         {.recipients = {key_uri("root.key"), key_uri("other.key")}});
  }
  MadeBackup made() {
    auto done = create();
    EXPECT_TRUE(done.is_ok()) << status_text(done);
    return std::move(*done);
  }
  Result<RestoredBackup> restore(Coffer& coffer, const Id& id, const std::string& to, RestoreOptions options = {}) {
    return restore_backup(coffer, open_provider, *target().target, id, root_ + "/" + to, options);
  }
  TrustedSigner ours() const { return coffer_->keyring()->sign({})->public_key; }
  RestoreOptions as_stranger() const { return {.open_with = key_uri("other.key"), .signed_by = ours()}; }

  std::vector<BackupProblem> problems(const Id& id) {
    const auto read = read_index_of(*target().target, id);
    if (!read.is_ok()) return {{"index", read.status()}};
    const auto complete = verify_complete(*target().target, *read, {});
    EXPECT_TRUE(complete.is_ok()) << status_text(complete);
    const auto contents = verify_contents(*coffer_, open_provider, *target().target, *read, {});
    if (!contents.is_ok()) return {{"lockbox", contents.status()}};
    EXPECT_EQ(complete->problems.empty(), contents->problems.empty());
    return complete->problems;
  }
  const ListedBackup* listed(const Id& id) { return coffer_->keyring()->find_backup(id); }

  // Names of all that the target has, but its marker.
  std::vector<std::string> names_there() { return target().target->list("").value(); }

  void expect_tenant(Coffer& coffer, const std::string& to) {
    EXPECT_EQ(plaintext(coffer, root_ + "/" + to + "/000020.sst"), std::string(40'000, 't'));
  }
};

TEST_F(StoreBackups, ABackupIsRestoredUnderTheSameCoffer) {
  const MadeBackup backup = made();
  EXPECT_EQ(backup.counts.files, 7u);
  EXPECT_EQ(backup.domains, (std::vector<std::string>{"system", "tenant-7"}));
  EXPECT_EQ(backup.recipients.size(), 2u);
  EXPECT_EQ(listed(backup.id)->state, BackupState::kWhole);
  EXPECT_TRUE(problems(backup.id).empty());
  const auto restored = restore(*coffer_, backup.id, "new");
  ASSERT_OK(restored);
  EXPECT_EQ(restored->counts.files, 7u);
  expect_same(*coffer_, "new");
  expect_tenant(*coffer_, "new");
  // Each domain keeps its own files, and they are at their place.
  const auto scan = scan_envelope(as_bytes(read(root_ + "/new/000020.sst")).first(kEnvelopeSize));
  EXPECT_EQ(coffer_->keyring()->find_key(scan->fields.domain_key_id).domain->name, "tenant-7");
  EXPECT_FALSE(exists("new.coffer-receiving"));
  EXPECT_EQ(newest_backup(*coffer_, target(), {}).value(), backup.id);
}

TEST_F(StoreBackups, AnotherCofferRestoresItByAnotherRoot) {
  const MadeBackup backup = made();
  // A stranger's, until the operator says whose it is: nothing was written, and nobody asked for a key (B4).
  EXPECT_EQ(restore(*there_, backup.id, "new", {.open_with = key_uri("none.key")}).code(), Code::kPermissionDenied);
  SignaturePublicKey other = *ours();
  other[0] ^= 1;
  EXPECT_EQ(restore(*there_, backup.id, "new", {.open_with = key_uri("other.key"), .signed_by = other}).code(),
            Code::kPermissionDenied);
  EXPECT_FALSE(exists("new.coffer-receiving"));
  ASSERT_OK(restore(*there_, backup.id, "new", as_stranger()));
  expect_same(*there_, "new");
  expect_tenant(*there_, "new");
  EXPECT_EQ(newest_backup(*there_, target(), ours()).value(), backup.id);
  EXPECT_EQ(newest_backup(*there_, target(), {}).code(), Code::kNotFound);
  // All under one domain of that coffer's.
  RestoreOptions options = as_stranger();
  options.domain = "tenants";
  ASSERT_OK(restore(*there_, backup.id, "tenants", options));
  const auto scan = scan_envelope(as_bytes(read(root_ + "/tenants/000012.sst")).first(kEnvelopeSize));
  EXPECT_EQ(there_->keyring()->find_key(scan->fields.domain_key_id).domain->name, "tenants");
}

TEST_F(StoreBackups, OnRequestItIsPlaintext) {
  const MadeBackup backup = made();
  ASSERT_OK(restore(*coffer_, backup.id, "plain", {.plaintext = true}));
  EXPECT_EQ(read(root_ + "/plain/000012.sst"), std::string(70'000, 'b'));
  EXPECT_EQ(read(root_ + "/plain/000013.log"), std::string(5'000, 'l'));
  EXPECT_EQ(read(root_ + "/plain/000014.blob"), std::string(3'000, 'c'));
  EXPECT_EQ(read(root_ + "/plain/below/pages"), std::string(20'000, 'p'));
  EXPECT_EQ(read(root_ + "/plain/below/base.db"), plaintext(*coffer_, db("below/base.db")));
  EXPECT_TRUE(std::filesystem::is_empty(root_ + "/plain/LOCK"));
  EXPECT_EQ(restore(*coffer_, backup.id, "db/below/plain", {.plaintext = true}).code(), Code::kInvalidArgument);
}

TEST_F(StoreBackups, TheTargetHasNoNameAndNoKeyIdInClear) {
  const MadeBackup backup = made();
  const auto scan = scan_envelope(as_bytes(read(db("000020.sst"))).first(kEnvelopeSize));
  for (const std::string& name : names_there()) {
    EXPECT_EQ(name.find("tenant"), std::string::npos);
    const std::string bytes = read(target_path() + "/" + name);
    for (const std::string_view word : {std::string_view("tenant-7"), std::string_view("000020"),
                                        std::string_view("system"), as_text(scan->fields.domain_key_id.view())}) {
      EXPECT_EQ(bytes.find(word), std::string::npos) << name;
    }
  }
}

TEST_F(StoreBackups, WhatIsThereIsNotWrittenAgain) {
  made();
  const size_t before = names_there().size();
  write(db("000030.sst"), sealed_file(Kind::kBlocks, "new"));
  const MadeBackup second = made();
  const uint64_t body = std::filesystem::file_size(db("000030.sst")) - kEnvelopeSize;
  EXPECT_EQ(second.counts.bytes, body);
  EXPECT_GT(second.counts.left_out, 100'000u);
  // One object, an index, two parts, two recipients.
  EXPECT_EQ(names_there().size(), before + 6);
  EXPECT_EQ(newest_backup(*coffer_, target(), {}).value(), second.id);
  // A rewrap is no change of a body, nor is a rotation.
  ASSERT_OK(coffer_->live_keyring().update([](Keyring& keys) { return keys.rotate_domain("system", 2); }));
  EXPECT_EQ(made().counts.bytes, 0u);
  // One of which a crash left less is written anew.
  const std::string object = target_path() + "/" + target().target->list("objects/").value()[0];
  std::filesystem::resize_file(object, 7);
  const MadeBackup third = made();
  EXPECT_GT(third.counts.bytes, 0u);
  EXPECT_TRUE(problems(third.id).empty());
}

TEST_F(StoreBackups, ATargetIsOfOneCoffer) {
  made();
  const NamedBackupTarget at = open_backup_target(*there_, target_path()).value();
  std::string stream;
  ASSERT_OK(receive(sent(), "theirs"));
  const auto done = create_backup(*there_, open_provider, at, {root_ + "/theirs"},
                                  {.recipients = {key_uri("root.key"), key_uri("other.key")}});
  EXPECT_EQ(done.code(), Code::kForeign);
  EXPECT_TRUE(there_->keyring()->backups().empty());
}

TEST_F(StoreBackups, EveryFileOfATargetThatIsDamagedOrGoneIsNamed) {
  const MadeBackup backup = made();
  for (const std::string& name : names_there()) {
    if (name == kBackupMarkerName) continue;
    const std::string path = target_path() + "/" + name, bytes = read(path);
    for (const size_t at : {size_t{0}, bytes.size() / 2, bytes.size() - 1}) {
      std::string flipped = bytes;
      flipped[at] = static_cast<char>(flipped[at] ^ 1);
      write(path, flipped);
      // By the root that the coffer does not have, it is not asked to open.
      const bool is_needed = !name.ends_with("recipient-root-2");
      EXPECT_EQ(restore(*coffer_, backup.id, "new").is_ok(), !is_needed) << name << " " << at;
      EXPECT_TRUE(!is_needed || !problems(backup.id).empty()) << name << " " << at;
      for (const char* each : {"/new", "/new.coffer-receiving"}) std::filesystem::remove_all(root_ + each);
    }
    std::filesystem::remove(path);
    EXPECT_FALSE(problems(backup.id).empty()) << name;
    write(path, bytes);
  }
  EXPECT_TRUE(problems(backup.id).empty());
  ASSERT_OK(restore(*coffer_, backup.id, "new"));
  expect_same(*coffer_, "new");
}

TEST_F(StoreBackups, SwappedObjectsAndFilesOfAnotherBackupAreFound) {
  const MadeBackup first = made(), second = made();
  const auto objects = target().target->list("objects/").value();
  const std::string one = read(target_path() + "/" + objects[0]), two = read(target_path() + "/" + objects[1]);
  write(target_path() + "/" + objects[0], two);
  write(target_path() + "/" + objects[1], one);
  EXPECT_EQ(restore(*coffer_, first.id, "new").code(), Code::kDamaged);
  EXPECT_FALSE(exists("new"));
  write(target_path() + "/" + objects[0], one);
  write(target_path() + "/" + objects[1], two);
  // An older index under the newer one's name, by the directory's.
  const std::string mine = target_path() + "/" + backup_index_name(second.id);
  const std::string kept = read(mine);
  write(mine, read(target_path() + "/" + backup_index_name(first.id)));
  EXPECT_EQ(restore(*coffer_, second.id, "other").code(), Code::kTampered);
  write(mine, kept);
  // A lockbox of the other backup.
  const std::vector<std::string> of_first = target().target->list(backup_directory(first.id)).value();
  for (const std::string& name : of_first) {
    if (name.find("recipient-") == std::string::npos) continue;
    const std::string file = name.substr(backup_directory(first.id).size());
    write(target_path() + "/" + backup_directory(second.id) + file, read(target_path() + "/" + name));
  }
  EXPECT_FALSE(restore(*coffer_, second.id, "other").is_ok());
  EXPECT_FALSE(exists("other.coffer-receiving"));
  ASSERT_OK(restore(*coffer_, first.id, "new"));
}

TEST_F(StoreBackups, AnIndexThatTheCofferDoesNotListIsRefused) {
  const MadeBackup backup = made();
  const auto read = read_index_of(*target().target, backup.id);
  ASSERT_OK(read);
  BackupIndex older = read->index;
  older.made -= 1000;
  // The coffer's own signature, as of another time.
  const Bytes forged = seal_backup_index(older, KeyringKey::copy_of(Bytes(32, 1)), [&](ByteView message) {
                         return coffer_->keyring()->sign(message);
                       }).value();
  write(target_path() + "/" + backup_index_name(backup.id), std::string(as_text(forged)));
  EXPECT_EQ(restore(*coffer_, backup.id, "new").code(), Code::kRolledBack);
  EXPECT_EQ(restore(*there_, backup.id, "new", as_stranger()).code(), Code::kWrongKey);
  EXPECT_FALSE(exists("new.coffer-receiving"));
}

TEST_F(StoreBackups, ARestoreThatStoppedGoesOn) {
  write(db("large"), sealed_file(Kind::kBlocks, std::string(5 << 20, 'L')));
  const MadeBackup backup = made();
  // Of its domain it comes last, by its name; bodies are called by chance.
  std::string large;
  const auto objects = target().target->list("objects/");
  for (const std::string& name : objects.value()) {
    if (std::filesystem::file_size(target_path() + "/" + name) > 5 << 20) large = target_path() + "/" + name;
  }
  const std::string kept = read(large);
  std::filesystem::remove(large);
  const auto stopped = restore(*coffer_, backup.id, "new");
  EXPECT_EQ(stopped.code(), Code::kNotFound);
  EXPECT_THAT(stopped.status().to_string(), testing::HasSubstr("new.coffer-receiving"));
  EXPECT_FALSE(exists("new"));
  write(large, kept);
  const auto done = restore(*coffer_, backup.id, "new");
  ASSERT_OK(done);
  EXPECT_GT(done->counts.left_out, 0u);
  expect_same(*coffer_, "new");
  EXPECT_EQ(restore(*coffer_, backup.id, "new").code(), Code::kAlreadyExists);
}

TEST_F(StoreBackups, RotatedAndDestroyedKeysDoNotHarmIt) {
  const MadeBackup backup = made();
  ASSERT_OK(coffer_->live_keyring().update([](Keyring& keys) { return keys.rotate_domain("system", 2); }));
  ASSERT_OK(coffer_->live_keyring().update([](Keyring& keys) {
    return keys.set_key_state(keys.find_domain("system")->keys[0].id, KeyState::kDestroyed, 3);
  }));
  ASSERT_OK(restore(*coffer_, backup.id, "new"));
  EXPECT_EQ(plaintext(*coffer_, root_ + "/new/000012.sst"), std::string(70'000, 'b'));
  EXPECT_TRUE(problems(backup.id).empty());
}

TEST_F(StoreBackups, NoKeyIsDestroyedThatWhatArrivesNeeds) {
  const auto backup = create({db("000012.sst")});
  ASSERT_OK(backup);
  const std::string object = target_path() + "/" + target().target->list("objects/").value()[0], kept = read(object);
  std::filesystem::remove(object);
  EXPECT_EQ(restore(*coffer_, backup->id, "new").code(), Code::kNotFound);
  ASSERT_OK(coffer_->live_keyring().update([](Keyring& keys) { return keys.rotate_domain("system", 2); }));
  ASSERT_OK(rewrap(*coffer_, {root_ + "/db"}, {}, {}));
  EXPECT_EQ(destroy_key(*coffer_, "system:1").code(), Code::kBusy);
  write(object, kept);
  ASSERT_OK(restore(*coffer_, backup->id, "new"));
  ASSERT_OK(destroy_key(*coffer_, "system:1"));
  EXPECT_EQ(plaintext(*coffer_, root_ + "/new/000012.sst"), std::string(70'000, 'b'));
}

TEST_F(StoreBackups, WhatACompromisedKeyProtectedIsRestoredOnlyIfTold) {
  const MadeBackup backup = made();
  ASSERT_OK(change_key(*coffer_, "system:1", KeyState::kCompromised));
  EXPECT_EQ(restore(*coffer_, backup.id, "new").code(), Code::kKeyUnavailable);
  const auto done = restore(*coffer_, backup.id, "new", {.accept_compromised = true});
  ASSERT_OK(done);
  EXPECT_TRUE(done->compromised);
  EXPECT_EQ(create().code(), Code::kKeyUnavailable);
}

TEST_F(StoreBackups, LockedAndShreddedTenantsStayUnreadable) {
  const MadeBackup backup = made();
  ASSERT_OK(coffer_->live_keyring().update([](Keyring& keys) { return keys.lock_domain("tenant-7", 2); }));
  for (const bool plain : {false, true}) {
    EXPECT_EQ(restore(*coffer_, backup.id, "new", {.domain = "system", .plaintext = plain}).code(),
              Code::kKeyUnavailable);
  }
  EXPECT_EQ(create().code(), Code::kKeyUnavailable);
  ASSERT_OK(coffer_->live_keyring().update([](Keyring& keys) { return keys.unlock_domain("tenant-7"); }));
  // By the keyring alone, as where the target could not be reached.
  ASSERT_OK(coffer_->live_keyring().update([](Keyring& keys) { return keys.shred_domain("tenant-7", 3); }));
  const auto done = restore(*coffer_, backup.id, "new");
  ASSERT_OK(done);
  EXPECT_EQ(done->shredded, 1u);
  EXPECT_FALSE(exists("new/000020.sst"));
  expect_same(*coffer_, "new");
  // Nor where the tenant has come back, with keys of his own.
  ASSERT_OK(coffer_->live_keyring().update([](Keyring& keys) { return keys.rotate_domain("tenant-7", 3); }));
  ASSERT_OK(restore(*coffer_, backup.id, "later"));
  EXPECT_FALSE(exists("later/000020.sst"));
  write(db("000020.sst"), sealed_file(Kind::kBlocks, std::string(40'000, 't'), "tenant-7"));
  const MadeBackup his = made();
  ASSERT_OK(restore(*coffer_, his.id, "his"));
  expect_tenant(*coffer_, "his");
}

TEST_F(StoreBackups, ATenantThatIsShreddedMeanwhileIsInNoBackup) {
  bool shredded = false;
  const NamedBackupTarget at = target();
  const auto done = create_backup(
      *coffer_, open_provider, at, {root_ + "/db"},
      {.recipients = {key_uri("root.key"), key_uri("other.key")}, .progress = [&](const StreamCounts&) {
         if (shredded) return;
         shredded = true;
         // And he comes back at once.
         EXPECT_TRUE(coffer_->live_keyring()
                         .update([](Keyring& keys) {
                           COFFER_TRY(keys.shred_domain("tenant-7", 3));
                           return keys.rotate_domain("tenant-7", 3);
                         })
                         .is_ok());
       }});
  EXPECT_EQ(done.code(), Code::kConflict);
  EXPECT_TRUE(coffer_->keyring()->backups().empty());
  EXPECT_TRUE(target().target->list("backups/").value().empty());
}

TEST_F(StoreBackups, AFileThatChangesMeanwhileSpoilsIt) {
  bool changed = false;
  const NamedBackupTarget at = target();
  const auto done =
      create_backup(*coffer_, open_provider, at, {root_ + "/db"},
                    {.recipients = {key_uri("root.key"), key_uri("other.key")}, .progress = [&](const StreamCounts&) {
                       if (!changed) write(db("LOCK"), "x");
                       changed = true;
                     }});
  EXPECT_EQ(done.code(), Code::kConflict);
  EXPECT_TRUE(coffer_->keyring()->backups().empty());
}

TEST_F(StoreBackups, WhatIsNoBackupOfGenuineFilesAtRestLeavesNothing) {
  write(db("plain.sst"), "never encrypted");
  EXPECT_EQ(create().code(), Code::kPlaintext);
  std::filesystem::remove(db("plain.sst"));
  EXPECT_EQ(create({root_ + "/nothing"}).code(), Code::kNotFound);
  EXPECT_FALSE(exists("target"));
  const NamedBackupTarget at = target();
  EXPECT_EQ(create_backup(*coffer_, open_provider, at, {root_ + "/db"}, {}).code(), Code::kInvalidArgument)
      << "one recipient is too few";
  EXPECT_TRUE(coffer_->keyring()->backups().empty());
  EXPECT_TRUE(target().target->list("backups/").value().empty());
}

}  // namespace
}  // namespace coffer
