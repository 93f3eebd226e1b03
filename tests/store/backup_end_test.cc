// What ends backups: a shredded tenant's part goes, and one that is forgotten takes along what no other needs.
#include <gmock/gmock.h>

#include "coffer/base/clock.h"
#include "coffer/crypto/random.h"
#include "coffer/ops/backup_forget.h"
#include "coffer/ops/backup_names.h"
#include "coffer/ops/doctor.h"
#include "coffer/ops/lockbox.h"
#include "coffer/ops/shred.h"
#include "store/coffer_fixture.h"

namespace coffer {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class BackupEnd : public CofferFixture {
 protected:
  void SetUp() override {
    CofferFixture::SetUp();
    update([](Keyring& keyring) { return keyring.add_domain("tenant-7", 1); });
    update([](Keyring& keyring) { return keyring.add_domain("tenant-8", 1); });
    // Fails at the operation that it is told to, without an end.
    write(root_ + "/store", "#!/bin/sh\n"
                            "N=$(($(cat " + root_ + "/count) - 1)); echo $N > " + root_ + "/count\n"
                            "[ $N -ge 0 ] || { echo 'the target is away' >&2; exit 5; }\n"
                            "S=" + root_ + "/backups\n" + R"SH(
case "$1" in
size) [ -f "$S/$2" ] || exit 3; exec stat -c %s "$S/$2";;
get) [ -f "$S/$2" ] || exit 3; exec cat "$S/$2";;
put) mkdir -p "$(dirname "$S/$2")" && exec cat > "$S/$2";;
list) cd "$S" && find . -type f | sed 's|^\./||' | grep "^$2"; exit 0;;
remove) exec rm -f "$S/$2";;
esac
)SH");
    chmod((root_ + "/store").c_str(), 0700);
    fail_after(1'000'000);
    ASSERT_OK(coffer_->edit_config([&](std::string_view yaml) -> Result<std::string> {
      return std::string(yaml) + "backup_targets:\n  nas: {directory: " + place() + "}\n  far: {command: [" + root_ +
             "/store], scratch: " + root_ + "}\n";
    }));
    nas_ = directory_target(disk(), place());
    ASSERT_OK(nas().put_small(std::string(kBackupMarkerName),
                              as_bytes(format_backup_marker(coffer_->keyring()->coffer_id()))));
  }

  std::string place() const { return root_ + "/backups"; }
  void fail_after(int operations) { write(root_ + "/count", std::to_string(operations)); }
  BackupTarget& nas() { return *nas_; }
  void update(const std::function<Status(Keyring&)>& change) {
    ASSERT_OK(coffer_->live_keyring().update(change));
  }

  // With a part of each domain and these bodies, as it is made, up to the end. `target`: "nas" or "far", one place.
  Id make(const std::vector<std::string>& domains, const std::string& bodies, const std::string& target = "nas",
          bool whole = true) {
    const KeyringKey key = std::move(*random_key<KeyringRole>(kKeyringKeySize));
    const Id id = *random_id();
    update([&](Keyring& keyring) { return keyring.begin_backup(id, target, 1); });
    BackupIndex index;
    index.id = id;
    index.coffer_id = coffer_->keyring()->coffer_id();
    for (const char body : bodies) {
      const BackupObject object{digest_of(body), 1};
      EXPECT_TRUE(nas().put_small(backup_object_name(object.digest), as_bytes(std::string(1, body))).is_ok());
      index.objects.push_back(object);
    }
    for (const std::string& domain : domains) {
      const Id part = part_of(id, domain);
      EXPECT_TRUE(nas().put_small(backup_part_name(id, part), as_bytes("sealed")).is_ok());
      index.parts.push_back({part, 6, *sha256(as_bytes("sealed"))});
    }
    std::ranges::sort(index.parts, {}, &BackupPartEntry::id);
    std::ranges::sort(index.objects, {}, &BackupObject::digest);
    if (!whole) return id;
    const auto sign = [&](ByteView message) { return coffer_->keyring()->sign(message); };
    index.signer = sign({})->public_key;
    const Bytes bytes = seal_backup_index(index, key, sign).value();
    EXPECT_TRUE(nas().put_small(backup_index_name(id), bytes).is_ok());
    update([&](Keyring& keyring) { return keyring.finish_backup(id, *sha256(bytes)); });
    return id;
  }
  static Sha256 digest_of(char body) { return *sha256(as_bytes(std::string(1, body))); }
  Id part_of(const Id& backup, const std::string& domain) const {
    return *backup_part_id(*coffer_->keyring(), backup, domain);
  }
  bool has_part(const Id& backup, const std::string& domain) {
    return *nas().has(backup_part_name(backup, part_of(backup, domain)));
  }
  bool has_note(const Id& backup, const std::string& domain) {
    const Id part = part_of(backup, domain);
    const auto note = nas().get_small(backup_note_name(backup, part), kShreddedNoteSize);
    if (!note.is_ok()) return false;
    const auto index = read_backup_index(nas().get_small(backup_index_name(backup), 1 << 20).value());
    EXPECT_TRUE(read_shredded_note(*note, *index, part).is_ok());
    return true;
  }
  std::string bodies_left() {
    std::string out;
    for (const char body : std::string("abcdef")) {
      if (*nas().has(backup_object_name(digest_of(body)))) out += body;
    }
    return out;
  }
  // What was not reached of a shredding, by backup.
  std::string shredded(const std::string& domain) {
    const auto done = shred(*coffer_, domain);
    EXPECT_TRUE(done.is_ok()) << status_text(done);
    certificate_ = done->certificate;
    EXPECT_TRUE(check_certificate(*coffer_, as_bytes(certificate_)).is_ok());
    std::string out;
    for (const BackupOfShredded& backup : done->backups) out += backup.id.hex() + " " + backup.not_reached + "\n";
    return out;
  }

  std::unique_ptr<BackupTarget> nas_;
  std::string certificate_;
};

TEST_F(BackupEnd, AShreddedTenantsPartGoesFromEveryBackupWithANoteInItsPlace) {
  const Id first = make({"tenant-7", "tenant-8"}, "ab"), second = make({"tenant-7"}, "bc", "far");
  const Id without = make({"tenant-8"}, "c");
  EXPECT_EQ(shredded("tenant-7"), first.hex() + " \n" + second.hex() + " \n");
  for (const Id& id : {first, second}) {
    EXPECT_FALSE(has_part(id, "tenant-7"));
    EXPECT_TRUE(has_note(id, "tenant-7"));
  }
  EXPECT_TRUE(has_part(first, "tenant-8"));
  EXPECT_FALSE(has_note(first, "tenant-8"));
  EXPECT_TRUE(has_part(without, "tenant-8"));
  EXPECT_THAT(certificate_, AllOf(HasSubstr(R"("backups":[{"id":")" + first.hex() + R"(","target":"nas"},)"),
                                  HasSubstr(second.hex()), Not(HasSubstr(without.hex())),
                                  HasSubstr(R"("backups_not_reached":[])")));
  EXPECT_EQ(shredded("tenant-7"), first.hex() + " \n" + second.hex() + " \n") << "once more";
}

TEST_F(BackupEnd, WhatAShreddingDoesNotReachIsSaidAndReachedTheNextTime) {
  const Id near = make({"tenant-7"}, "a"), far = make({"tenant-7"}, "b", "far");
  const Id unfinished = make({"tenant-7"}, "c", "nas", false);
  fail_after(0);
  EXPECT_THAT(shredded("tenant-7"),
              AllOf(HasSubstr(near.hex() + " \n"), HasSubstr(far.hex() + " provider_unavailable"),
                    HasSubstr("the target is away"), HasSubstr(unfinished.hex() + " it is being made, or was")));
  EXPECT_FALSE(has_part(unfinished, "tenant-7"));
  EXPECT_TRUE(has_part(far, "tenant-7"));
  EXPECT_THAT(certificate_, HasSubstr(R"("backups_not_reached":[{"id":")" + far.hex()));
  fail_after(1000);
  ASSERT_OK(forget_backup(*coffer_, unfinished, IfTargetIsGone::kRefuse));
  EXPECT_EQ(shredded("tenant-7"), near.hex() + " \n" + far.hex() + " \n");
  EXPECT_FALSE(has_part(far, "tenant-7"));
  // A disk that is not there looks like a target with nothing in it.
  std::filesystem::rename(place(), place() + "-unmounted");
  std::filesystem::create_directory(place());
  EXPECT_THAT(shredded("tenant-7"), HasSubstr("is its disk mounted?"));
}

TEST_F(BackupEnd, WhereAShreddingIsInterruptedAPartOrItsNoteIsThereAndTheNextOneEndsIt) {
  std::string last = "once";
  for (int operations = 0; !last.empty(); ++operations) {
    const std::string domain = "tenant-" + std::to_string(100 + operations);
    update([&](Keyring& keyring) { return keyring.add_domain(domain, 1); });
    const Id id = make({domain, "tenant-8"}, "a", "far");
    fail_after(operations);
    const auto done = shred(*coffer_, domain);
    ASSERT_OK(done);
    last.clear();
    for (const BackupOfShredded& backup : done->backups) last += backup.not_reached;
    fail_after(1'000'000);
    EXPECT_TRUE(has_part(id, domain) || has_note(id, domain)) << operations;
    EXPECT_EQ(shredded(domain), id.hex() + " \n") << operations;
    EXPECT_FALSE(has_part(id, domain)) << operations;
    EXPECT_TRUE(has_note(id, domain)) << operations;
    EXPECT_TRUE(has_part(id, "tenant-8"));
    update([&](Keyring& keyring) { return keyring.begin_forgetting(id); });
    update([&](Keyring& keyring) { return keyring.forget_backup(id); });
    ASSERT_LT(operations, 20);
  }
}

TEST_F(BackupEnd, AForgottenBackupTakesAlongWhatNoOtherNeeds) {
  const Id first = make({"tenant-7"}, "ab"), second = make({"tenant-7"}, "bc");
  ASSERT_OK(nas().put_small(backup_recipient_name(first, "root-1"), as_bytes("a recipient")));
  ASSERT_OK(nas().put_small(backup_object_name(digest_of('f')), as_bytes("f")));  // left by an interrupted backup
  write(place() + "/objects/.coffer-1-2", "half a body");
  const auto done = forget_backup(*coffer_, first, IfTargetIsGone::kRefuse);
  ASSERT_OK(done);
  EXPECT_EQ(done->target, "nas");
  EXPECT_EQ(done->objects, 2u);
  EXPECT_EQ(done->kept, 2u);
  EXPECT_EQ(bodies_left(), "bc");
  EXPECT_TRUE(nas().list(backup_directory(first))->empty());
  EXPECT_TRUE(has_part(second, "tenant-7"));
  EXPECT_FALSE(std::filesystem::exists(place() + "/objects/.coffer-1-2"));
  EXPECT_EQ(coffer_->keyring()->find_backup(first), nullptr);
  EXPECT_EQ(forget_backup(*coffer_, first, IfTargetIsGone::kRefuse).status().code(), Code::kNotFound);
  ASSERT_OK(forget_backup(*coffer_, second, IfTargetIsGone::kRefuse));
  EXPECT_THAT(*nas().list(""), ElementsAre(kBackupMarkerName));
}

TEST_F(BackupEnd, WhereverForgettingIsInterruptedTheOtherBackupIsWholeAndTheNextTryEndsIt) {
  const Id kept = make({"tenant-8"}, "bc", "far");
  const auto files_of_kept = nas().list(backup_directory(kept)).value();
  bool ended = false;
  for (int operations = 0; !ended; ++operations) {
    const Id id = make({"tenant-7"}, "ab", "far");
    fail_after(operations);
    const auto tried = forget_backup(*coffer_, id, IfTargetIsGone::kRefuse);
    ended = tried.is_ok();
    fail_after(1'000'000);
    if (!ended) {
      EXPECT_EQ(tried.status().code(), Code::kProviderUnavailable) << status_text(tried);
      EXPECT_NE(coffer_->keyring()->find_backup(id), nullptr);
      ASSERT_OK(forget_backup(*coffer_, id, IfTargetIsGone::kRefuse));
    }
    EXPECT_EQ(coffer_->keyring()->find_backup(id), nullptr);
    EXPECT_TRUE(nas().list(backup_directory(id))->empty()) << operations;
    EXPECT_EQ(bodies_left(), "bc") << operations;
    EXPECT_EQ(nas().list(backup_directory(kept)).value(), files_of_kept) << operations;
    ASSERT_LT(operations, 30);
  }
}

TEST_F(BackupEnd, NothingIsForgottenWhereABackupIsBeingMadeOrAnotherCannotBeRead) {
  const Id whole = make({"tenant-7"}, "ab"), unfinished = make({"tenant-7"}, "cd", "nas", false);
  EXPECT_EQ(forget_backup(*coffer_, whole, IfTargetIsGone::kRefuse).status().code(), Code::kBusy);
  EXPECT_EQ(bodies_left(), "abcd");
  ASSERT_OK(forget_backup(*coffer_, unfinished, IfTargetIsGone::kRefuse));
  EXPECT_EQ(bodies_left(), "ab");
  const Id other = make({"tenant-7"}, "cd");
  const std::string index = place() + "/" + backup_index_name(other);
  const std::string bytes = read(index);
  write(index, bytes.substr(0, 60));
  const Status unread = forget_backup(*coffer_, whole, IfTargetIsGone::kRefuse).status();
  EXPECT_EQ(unread.code(), Code::kTruncated);
  EXPECT_THAT(unread.to_string(), HasSubstr(backup_index_name(other)));
  EXPECT_EQ(bodies_left(), "abcd");
  EXPECT_TRUE(has_part(whole, "tenant-7"));
  write(index, bytes);
  ASSERT_OK(forget_backup(*coffer_, whole, IfTargetIsGone::kRefuse));
  EXPECT_EQ(bodies_left(), "cd");
}

TEST_F(BackupEnd, ATargetThatIsAwayOrAnothersIsLeftAloneAndOneThatIsGoneIsTakenOffTheList) {
  const Id id = make({"tenant-7"}, "ab");
  const std::string marker = place() + "/" + std::string(kBackupMarkerName);
  const std::string ours = read(marker);
  write(marker, format_backup_marker(*random_id()));
  EXPECT_EQ(forget_backup(*coffer_, id, IfTargetIsGone::kRefuse).status().code(), Code::kForeign);
  std::filesystem::remove(marker);
  EXPECT_EQ(forget_backup(*coffer_, id, IfTargetIsGone::kRefuse).status().code(), Code::kNotFound);
  EXPECT_EQ(coffer_->keyring()->find_backup(id)->state, BackupState::kWhole) << "nothing has changed";
  EXPECT_EQ(bodies_left(), "ab");
  ASSERT_OK(forget_backup(*coffer_, id, IfTargetIsGone::kForget));
  EXPECT_TRUE(coffer_->keyring()->backups().empty());
  EXPECT_EQ(bodies_left(), "ab");
}

TEST_F(BackupEnd, OneThatWasNotFinishedIsAFinding) {
  const auto found = [&] {
    std::string out;
    for (const Finding& finding : examine_contents(*coffer_)) out += finding.what + "; " + finding.remedy + "\n";
    return out;
  };
  const Id whole = make({"tenant-7"}, "a");
  EXPECT_THAT(found(), Not(HasSubstr("backup")));
  const Id begun = *random_id(), unfinished = make({"tenant-7"}, "b", "far", false);
  update([&](Keyring& keyring) { return keyring.begin_backup(begun, "far", now_seconds()); });
  update([&](Keyring& keyring) { return keyring.begin_forgetting(whole); });
  EXPECT_THAT(found(), AllOf(HasSubstr("backup " + whole.hex() + " at nas is being forgotten"),
                             HasSubstr("backup " + unfinished.hex() + " at far is being made for more than a day"),
                             HasSubstr("coffer backup forget COFFER " + whole.hex()), Not(HasSubstr(begun.hex()))));
}

}  // namespace
}  // namespace coffer
