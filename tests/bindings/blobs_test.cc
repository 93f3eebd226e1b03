// Sealed messages and wrapped keys, by the C library.
#include <thread>

#include "bindings/c_fixture.h"
#include "coffer/base/codec.h"
#include "coffer/base/crc32c.h"
#include "coffer/ops/shred.h"

namespace coffer {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class BlobTest : public CFixture {
 protected:
  void change(const Id& key, KeyState state) {
    ASSERT_OK(coffer_->live_keyring().update(
        [&](Keyring& keyring) { return keyring.change_key(key, state, now_seconds()); }));
    ASSERT_EQ(coffer_refresh(c_, nullptr), COFFER_OK);
  }
  coffer_code_t wrap(size_t size, std::string* blob) {
    const std::string key(size, 'k');
    blob->assign(size + COFFER_BLOB_OVERHEAD, '?');
    return coffer_wrap_key(c_, "tenant", "row", 3, key.data(), key.size(), blob->data(), blob->size(), nullptr);
  }
  static std::string with_checksum(std::string blob) {
    store_le32(reinterpret_cast<uint8_t*>(blob.data()) + blob.size() - 4,
               crc32c(as_bytes(blob).first(blob.size() - 4)));
    return blob;
  }
};

TEST_F(BlobTest, AMessageOfAnySizeOpensAgain) {
  for (const size_t size : {0, 1, 15, 16, 17, 4095, 4096, 1'000'000}) {
    const std::string message(size, 'm');
    const std::string blob = sealed(c_, message);
    EXPECT_EQ(blob.size(), size + COFFER_BLOB_OVERHEAD);
    if (size > 8) {
      EXPECT_THAT(blob, Not(HasSubstr("mmmmmmmm")));
    }
    std::string opened;
    CError error;
    ASSERT_C_OK(error, unseal(c_, blob, &opened, &error));
    EXPECT_EQ(opened, message);
    EXPECT_EQ(error.error, nullptr);
  }
}

TEST_F(BlobTest, TwoBlobsOfTheSameMessageHaveNothingInCommonButWhatIsClear) {
  const std::string one = sealed(c_, std::string(64, 'm')), other = sealed(c_, std::string(64, 'm'));
  EXPECT_EQ(one.substr(0, 40), other.substr(0, 40));
  for (size_t at = 40; at + 8 < one.size(); ++at) EXPECT_NE(one.substr(at, 8), other.substr(at, 8));
}

TEST_F(BlobTest, AnotherContextIsNotTheBlobs) {
  const std::string blob = sealed(c_, "message", "table 1");
  EXPECT_EQ(code_of(c_, blob, "table 1"), COFFER_OK);
  for (const char* other : {"table 2", "table ", "table 1 ", ""}) EXPECT_EQ(code_of(c_, blob, other), COFFER_TAMPERED);
  EXPECT_EQ(code_of(c_, sealed(c_, "message", ""), ""), COFFER_OK);
}

TEST_F(BlobTest, EveryFlippedByteIsFoundAndNothingIsReleased) {
  const std::string blob = sealed(c_, "message");
  for (size_t at = 0; at < blob.size(); ++at) {
    for (const bool fix : {false, true}) {
      std::string other = blob;
      other[at] = static_cast<char>(other[at] ^ 1);
      if (fix && at < blob.size() - 4) other = with_checksum(other);
      std::string out(blob.size(), '?');
      CError error;
      const coffer_code_t code = coffer_unseal(c_, "place", 5, other.data(), other.size(), out.data(), out.size(),
                                               error.out());
      ASSERT_NE(code, COFFER_OK) << at;
      EXPECT_THAT(out, Not(HasSubstr("mess")));
      EXPECT_THAT(error.text(), Not(testing::IsEmpty()));
      if (at < 4) {
        EXPECT_EQ(code, COFFER_PLAINTEXT);
      } else if (!fix) {
        EXPECT_THAT(code, testing::AnyOf(COFFER_DAMAGED, COFFER_TRUNCATED)) << at;
      } else {
        EXPECT_THAT(code, testing::AnyOf(COFFER_TAMPERED, COFFER_WRONG_KEY, COFFER_UNSUPPORTED, COFFER_KEY_UNAVAILABLE,
                                         COFFER_DAMAGED))
            << at;
      }
    }
  }
}

TEST_F(BlobTest, ABlobThatWasCutAnywhereIsTruncatedAndOneThatIsLongerIsDamaged) {
  const std::string blob = sealed(c_, "message");
  for (size_t size = 0; size < blob.size(); ++size) EXPECT_EQ(code_of(c_, blob.substr(0, size)), COFFER_TRUNCATED);
  EXPECT_EQ(code_of(c_, blob + "x"), COFFER_DAMAGED);
  EXPECT_EQ(code_of(c_, with_checksum(blob + "xxxx")), COFFER_TAMPERED);
  EXPECT_EQ(code_of(c_, "a value in clear"), COFFER_PLAINTEXT);
}

TEST_F(BlobTest, AKeyIsWrappedIfItIsLongEnoughAndIsNoMessage) {
  std::string blob;
  for (const size_t size : {0, 15, 65, 1000}) EXPECT_EQ(wrap(size, &blob), COFFER_INVALID_ARGUMENT) << size;
  for (const size_t size : {16, 32, 64}) {
    ASSERT_EQ(wrap(size, &blob), COFFER_OK);
    std::string key(size, '?');
    ASSERT_EQ(coffer_unwrap_key(c_, "row", 3, blob.data(), blob.size(), key.data(), key.size(), nullptr), COFFER_OK);
    EXPECT_EQ(key, std::string(size, 'k'));
    EXPECT_EQ(code_of(c_, blob, "row"), COFFER_INVALID_ARGUMENT);
  }
  const std::string message = sealed(c_, std::string(32, 'm'), "row");
  std::string key(32, '?');
  CError error;
  EXPECT_EQ(coffer_unwrap_key(c_, "row", 3, message.data(), message.size(), key.data(), key.size(), error.out()),
            COFFER_INVALID_ARGUMENT);
  EXPECT_THAT(error.text(), HasSubstr("a sealed message, not a wrapped key"));
  EXPECT_EQ(key, std::string(32, '?'));
}

TEST_F(BlobTest, ABlobOutlivesRotationsAndIsRewrappedInPlace) {
  std::string blob = sealed(c_, "message");
  const std::string before = blob;
  uint32_t version = 0;
  uint8_t id[16], fresh_id[16];
  uint64_t size = 0;
  ASSERT_EQ(coffer_blob_inspect(blob.data(), blob.size(), &size, id, &version, nullptr), COFFER_OK);
  EXPECT_EQ(size, 7u);
  EXPECT_EQ(version, 1u);
  int32_t outdated = 7;
  ASSERT_EQ(coffer_blob_is_outdated(c_, blob.data(), blob.size(), &outdated, nullptr), COFFER_OK);
  EXPECT_EQ(outdated, 0);

  ASSERT_EQ(coffer_rotate_domain(c_, "tenant", nullptr), COFFER_OK);
  EXPECT_EQ(code_of(c_, blob), COFFER_OK);
  ASSERT_EQ(coffer_blob_is_outdated(c_, blob.data(), blob.size(), &outdated, nullptr), COFFER_OK);
  EXPECT_EQ(outdated, 1);
  CError error;
  EXPECT_EQ(coffer_rewrap(c_, "other", 5, blob.data(), blob.size(), blob.data(), blob.size(), error.out()),
            COFFER_TAMPERED);
  EXPECT_EQ(blob, before) << "what could not be rewrapped stays";
  ASSERT_C_OK(error,
              coffer_rewrap(c_, "place", 5, blob.data(), blob.size(), blob.data(), blob.size(), error.out()));
  ASSERT_EQ(coffer_blob_inspect(blob.data(), blob.size(), nullptr, fresh_id, &version, nullptr), COFFER_OK);
  EXPECT_EQ(version, 2u);
  EXPECT_NE(std::memcmp(id, fresh_id, 16), 0);
  std::string message;
  ASSERT_C_OK(error, unseal(c_, blob, &message, &error));
  EXPECT_EQ(message, "message");
  ASSERT_EQ(wrap(32, &blob), COFFER_OK);
  ASSERT_C_OK(error, coffer_rewrap(c_, "row", 3, blob.data(), blob.size(), blob.data(), blob.size(), error.out()));
}

TEST_F(BlobTest, AKeysStateDecidesWhetherItOpens) {
  const std::string blob = sealed(c_, "message");
  const Id first = coffer_->keyring()->find_domain("tenant")->active()->id;
  for (const KeyState state : {KeyState::kSuspended, KeyState::kDeactivated, KeyState::kCompromised}) {
    change(first, state);
    EXPECT_EQ(code_of(c_, blob), COFFER_OK) << key_state_name(state);
    EXPECT_EQ(code_of(c_, sealed(c_, "fresh")), COFFER_OK) << "under the key that took its place";
  }
  change(first, KeyState::kDestroyed);
  EXPECT_EQ(code_of(c_, blob), COFFER_KEY_DESTROYED);
  std::string fresh(blob.size(), '?');
  EXPECT_EQ(coffer_rewrap(c_, "place", 5, blob.data(), blob.size(), fresh.data(), fresh.size(), nullptr),
            COFFER_KEY_DESTROYED);
  EXPECT_EQ(fresh, std::string(blob.size(), '?'));
}

TEST_F(BlobTest, NothingIsSealedInADomainThatWasShreddedOrNeverWas) {
  const std::string blob = sealed(c_, "message");
  ASSERT_OK(shred(*coffer_, "tenant"));
  ASSERT_EQ(coffer_refresh(c_, nullptr), COFFER_OK);
  EXPECT_EQ(code_of(c_, blob), COFFER_KEY_DESTROYED);
  std::string room(200, '?');
  CError error;
  EXPECT_EQ(coffer_seal(c_, "tenant", "", 0, "m", 1, room.data(), room.size(), error.out()), COFFER_KEY_UNAVAILABLE);
  EXPECT_EQ(coffer_seal(c_, "nobody", "", 0, "m", 1, room.data(), room.size(), error.out()), COFFER_NOT_FOUND);
}

TEST_F(BlobTest, ALockedDomainSealsAndOpensNothingUntilItIsUnlocked) {
  const std::string blob = sealed(c_, "message"), others = sealed(c_, "message", "place", "system");
  ASSERT_OK(lock_domain(*coffer_, "tenant"));
  ASSERT_TRUE(comes([&] { return code_of(c_, blob) == COFFER_KEY_UNAVAILABLE; }));
  std::string room(200, '?');
  CError error;
  EXPECT_EQ(coffer_seal(c_, "tenant", "", 0, "m", 1, room.data(), room.size(), error.out()), COFFER_KEY_UNAVAILABLE);
  EXPECT_THAT(error.text(), HasSubstr("locked since"));
  EXPECT_EQ(code_of(c_, others), COFFER_OK);
  ASSERT_OK(unlock_domain(*coffer_, "tenant"));
  EXPECT_TRUE(comes([&] { return code_of(c_, blob) == COFFER_OK; }));
}

TEST_F(BlobTest, WithARevokedRootKeyTheProcessIsFencedUntilItIsBack) {
  configure("policy", "policy: {on_revoked: fence}");
  const auto coffer = open_coffer();
  coffer->live_keyring().look_at_least_every(std::chrono::milliseconds(20));
  coffer_t* const fenced = bindings::new_handle(coffer);
  const std::string blob = sealed(fenced, "message");
  std::filesystem::rename(root_ + "/root.key", root_ + "/away");
  EXPECT_TRUE(comes([&] { return code_of(fenced, blob) == COFFER_KEY_UNAVAILABLE; }));
  std::string room(200, '?');
  CError error;
  EXPECT_EQ(coffer_seal(fenced, "tenant", "", 0, "m", 1, room.data(), room.size(), error.out()),
            COFFER_KEY_UNAVAILABLE);
  EXPECT_EQ(coffer_rewrap(fenced, "place", 5, blob.data(), blob.size(), room.data(), room.size(), error.out()),
            COFFER_KEY_UNAVAILABLE);
  std::filesystem::rename(root_ + "/away", root_ + "/root.key");
  EXPECT_TRUE(comes([&] { return code_of(fenced, blob) == COFFER_OK; }));
  coffer_close(fenced);
}

TEST_F(BlobTest, ABlobOfAnotherCofferIsNotOpened) {
  CError error;
  const std::string other = root_ + "/other";
  ASSERT_C_OK(error, coffer_create(other.c_str(), key_uri("other.key").c_str(), nullptr, error.out()));
  coffer_t* const coffer = open_c(other);
  const std::string blob = sealed(coffer, "message", "place", "system");
  EXPECT_EQ(code_of(coffer, blob), COFFER_OK);
  EXPECT_EQ(code_of(c_, blob), COFFER_KEY_UNAVAILABLE);
  coffer_close(coffer);
}

TEST_F(BlobTest, ABlobThatHasSeenANewerKeyringIsNotOpenedUnderAnOlderOne) {
  const std::string before = read(coffer_path() + "/keyring"), audit = read(coffer_path() + "/audit.log");
  ASSERT_OK(coffer_->live_keyring().update([](Keyring& keyring) { return keyring.add_domain("more", now_seconds()); }));
  ASSERT_EQ(coffer_refresh(c_, nullptr), COFFER_OK);
  const std::string blob = sealed(c_, "message");
  coffer_close(c_);
  coffer_.reset();
  write(coffer_path() + "/keyring", before);
  write(coffer_path() + "/audit.log", audit);
  c_ = open_c();
  EXPECT_EQ(code_of(c_, blob), COFFER_ROLLED_BACK);
}

TEST_F(BlobTest, BuffersThatAreTooSmallAndMessagesThatAreTooLongAreRefused) {
  const std::string blob = sealed(c_, "message");
  std::string out(blob.size(), '?');
  CError error;
  EXPECT_EQ(coffer_unseal(c_, "place", 5, blob.data(), blob.size(), out.data(), 6, error.out()),
            COFFER_INVALID_ARGUMENT);
  EXPECT_THAT(error.text(), HasSubstr("room for 6 bytes, and the blob holds 7"));
  EXPECT_EQ(coffer_seal(c_, "tenant", "", 0, "m", 1, out.data(), COFFER_BLOB_OVERHEAD, error.out()),
            COFFER_INVALID_ARGUMENT);
  EXPECT_EQ(coffer_rewrap(c_, "place", 5, blob.data(), blob.size(), out.data(), blob.size() - 1, error.out()),
            COFFER_INVALID_ARGUMENT);
  EXPECT_EQ(out, std::string(blob.size(), '?'));
  // Nobody reads so far: sizes are looked at first.
  EXPECT_EQ(coffer_seal(c_, "tenant", "", 0, "m", size_t{COFFER_MESSAGE_SIZE_MAX} + 1, out.data(), out.size(),
                        error.out()),
            COFFER_LIMIT_EXCEEDED);
  EXPECT_EQ(coffer_seal(c_, "tenant", "c", COFFER_CONTEXT_SIZE_MAX + 1, "m", 1, out.data(), out.size(), error.out()),
            COFFER_LIMIT_EXCEEDED);
  EXPECT_EQ(coffer_unseal(c_, "c", COFFER_CONTEXT_SIZE_MAX + 1, blob.data(), blob.size(), out.data(), out.size(),
                          error.out()),
            COFFER_LIMIT_EXCEEDED);
  const std::string longest(COFFER_CONTEXT_SIZE_MAX, 'c');
  EXPECT_EQ(code_of(c_, sealed(c_, "m", longest), longest), COFFER_OK);
}

TEST_F(BlobTest, ManyThreadsSealAndOpenWhileKeysAreRotated) {
  std::vector<std::thread> threads;
  std::atomic<int> failed{0};
  for (int number = 0; number < 4; ++number) {
    threads.emplace_back([&, number] {
      const std::string message = "message of " + std::to_string(number);
      for (int turn = 0; turn < 100; ++turn) {
        std::string blob = sealed(c_, message), opened;
        CError error;
        if (unseal(c_, blob, &opened, &error) != COFFER_OK || opened != message) ++failed;
        if (coffer_rewrap(c_, "place", 5, blob.data(), blob.size(), blob.data(), blob.size(), nullptr) != 0) ++failed;
        if (turn % 50 == 0 && coffer_rotate_domain(c_, "tenant", nullptr) != COFFER_OK) ++failed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
}

TEST_F(BlobTest, BlobsCountAsUsesOfTheirKey) {
  const Id id = coffer_->keyring()->find_domain("tenant")->active()->id;
  sealed(c_, std::string(1000, 'm'));
  sealed(c_, std::string(500, 'm'));
  const auto counts = c_->coffer->usage().total();
  ASSERT_OK(counts);
  EXPECT_EQ(counts->at(id).seals, 2u);
  EXPECT_EQ(counts->at(id).bytes, 1500u);
}

}  // namespace
}  // namespace coffer
