// Slots that are sealed to a public key: what opens them, what renews them, and what an attacker can make of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "coffer/base/base64.h"
#include "coffer/base/text.h"
#include "coffer/crypto/hpke.h"
#include "coffer/crypto/kdf.h"
#include "coffer/crypto/random.h"
#include "coffer/keys/keyring.h"
#include "coffer/providers/recipient/new_recipient.h"
#include "coffer/providers/recipient/settings.h"
#include "coffer/providers/recipient/shares.h"
#include "coffer/providers/registry.h"
#include "coffer/providers/service_root.h"
#include "io/temporary_directory.h"
#include "support/message_of.h"

namespace coffer {
namespace {

using testing::HasSubstr;

std::string text_of(const SecretBytes& secret) { return std::string(as_text(secret.reveal())); }
// RFC 8410: PKCS#8 is these bytes and the key.
std::string pem_of(const X25519Private& key) {
  Bytes der = from_hex("302e020100300506032b656e04220420").value();
  der.insert(der.end(), key.reveal().begin(), key.reveal().end());
  std::string text(base64_size(der.size()), '\0');
  encode_base64(der, {reinterpret_cast<uint8_t*>(text.data()), text.size()});
  return "-----BEGIN PRIVATE KEY-----\n" + text + "\n-----END PRIVATE KEY-----\n";
}

// openssl genpkey -algorithm X25519 -aes-256-cbc
constexpr const char* kEncryptedPem = R"(-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAiZz1s02u7HRgICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEMxamTXvF4YsedrM/mXRGvYEQNif
a/EQAEoqB8apxuKOF4QomGAAVKzBskP7dvCQUyxy3CARrRJsN1OKTD6KE9rI90GW
FxfFpFkVhL5gmhkDwuE=
-----END ENCRYPTED PRIVATE KEY-----
)";
constexpr const char* kEncryptedPublic = "e47f878d1a18d1e54b629cf7d7ef5283f0435b0a690799f72b58564758b5827a";

class Recipient : public testing::Test {
 protected:
  Recipient() {
    write("private.pem", pem_of(private_));
    uri_ = "recipient:x25519/" + base64url_text(x25519_public(private_).value());
  }
  std::string path(const std::string& name) const { return directory_ / name; }
  std::string write(const std::string& name, std::string_view text, uint32_t mode = 0600) {
    EXPECT_TRUE(replace_file(Disk::posix(), path(name), as_bytes(text), mode).is_ok());
    return path(name);
  }
  static std::unique_ptr<RootKeyProvider> open(const std::string& uri) {
    auto provider = open_provider(uri);
    EXPECT_TRUE(provider.is_ok()) << uri << ": " << provider.status().to_string();
    return provider.is_ok() ? std::move(*provider) : nullptr;
  }
  // A slot that was just added, by a recipient of this URI; `kept_` is then what coffer.yaml has.
  WrappedKeyringKey added(const std::string& uri) {
    const auto provider = open(uri);
    kept_ = provider->uri();
    handle_ = provider->current().value();
    auto wrapped = provider->wrap(handle_, context_, key_);
    EXPECT_TRUE(wrapped.is_ok()) << wrapped.status().to_string();
    return *wrapped;
  }
  // By what is configured and these options.
  Result<KeyringKey> unwrap(const WrappedKeyringKey& wrapped, const std::string& options) {
    const char* const separator = kept_.find('?') == std::string::npos ? "?" : "&";
    return open(kept_ + separator + options)->unwrap(handle_, context_, wrapped);
  }
  Result<KeyringKey> unwrap(const WrappedKeyringKey& wrapped) { return unwrap(wrapped, by_key()); }
  std::string by_key() const { return "key=" + path("private.pem"); }
  static bool is(const Result<KeyringKey>& key, const KeyringKey& wanted) {
    return key.is_ok() && equal_constant_time(key->reveal(), wanted.reveal());
  }

  TemporaryDirectory directory_;
  const X25519Private private_ = new_x25519_private().value();
  const KeyringKey key_ = random_key<KeyringRole>(kKeyringKeySize).value();
  const Id coffer_ = random_id().value(), slot_ = random_id().value();
  const WrapContext context_{coffer_, slot_};
  std::string uri_;
  std::string kept_;
  RootKeyHandle handle_;
};

TEST_F(Recipient, IsOpenedByItsPrivateKeyAndRenewedByWhoeverHasTheKeyringKey) {
  const WrappedKeyringKey wrapped = added(uri_);
  EXPECT_EQ(wrapped.algorithm, kWrapAlgorithmRecipient);
  EXPECT_TRUE(is(unwrap(wrapped), key_));
  // Nothing of the private half is at hand.
  const auto provider = open(kept_);
  EXPECT_FALSE(provider->opens_by_itself());
  EXPECT_TRUE(open(kept_ + "&" + by_key())->opens_by_itself());
  const KeyringKey fresh = random_key<KeyringRole>(kKeyringKeySize).value();
  const Id next_slot = random_id().value();
  const WrapContext next{coffer_, next_slot};
  const auto renewed = provider->renew(handle_, next, fresh, {context_, wrapped, key_});
  ASSERT_TRUE(renewed.is_ok()) << renewed.status().to_string();
  EXPECT_TRUE(is(open(kept_ + "&" + by_key())->unwrap(handle_, next, *renewed), fresh));
  EXPECT_EQ(provider->renew(handle_, next, fresh, {context_, wrapped, fresh}).code(), Code::kTampered)
      << "who does not have the keyring key does not have the sender";
  EXPECT_EQ(provider->wrap(handle_, next, fresh).code(), Code::kInvalidArgument) << "there is no slot to go on from";
}

// The worked example of docs/format.md, section 7, which the decoder in tools/ opens too.
TEST_F(Recipient, OpensTheExampleOfThePage) {
  const auto from = [](uint8_t first, size_t size) {
    Bytes out(size);
    std::iota(out.begin(), out.end(), first);
    return out;
  };
  Id coffer, slot;
  std::ranges::copy(from(0x40, 16), coffer.bytes.begin());
  std::ranges::copy(from(0x50, 16), slot.bytes.begin());
  write("example.pem", pem_of(X25519Private::copy_of(from(0, 32))));
  const auto provider = open(
      "recipient:x25519/j0DFrbaPJWJK5bIU6nZ6bslNgp09e14a0bpvPiE4KF8"
      "?from=NYBy1jZYgNGu6jKa35EhODhR7SGijjt16WXQ0s0WYlQ&key=" +
      path("example.pem"));
  const RootKeyHandle handle = provider->current().value();
  EXPECT_EQ(provider->fingerprint(handle), "46dc65f790bc34db562fe97668ba4bc8");
  const WrappedKeyringKey wrapped{kWrapAlgorithmRecipient,
                                  from_hex("200001000200493e82fc74464a59268817623d2053c5eb8e2cc4a988b4fee179"
                                           "ec6b010d531dabbf41f89481598e190fb0abd045fa27a249e24d2729539027e5"
                                           "bd872f242ddc81471f37383cbb916a910874d7dc88f9af227b3c44077d264834"
                                           "d068150f65ffc641cb9026f1766e3dd45c7fda23f48d1cecbdaa7a0c3397")
                                      .value()};
  const auto key = provider->unwrap(handle, {coffer, slot}, wrapped);
  ASSERT_TRUE(key.is_ok()) << key.status().to_string();
  EXPECT_TRUE(std::ranges::equal(key->reveal(), from(0x60, 32)));
  const WrapContext context{coffer, slot};
  EXPECT_TRUE(provider->renew(handle, context, *key, {context, wrapped, *key}).is_ok()) << "with the kept sender";
}

// Public keys and the sender's public key stand in coffer.yaml, for everybody to read.
TEST_F(Recipient, WhoKnowsThePublicKeysOnlyMakesNoSlotThatOpens) {
  const WrappedKeyringKey genuine = added(uri_);
  const KeyringKey theirs = random_key<KeyringRole>(kKeyringKeySize).value();
  const Bytes info = labelled("coffer/v1 recipient", bytes_of(context_));
  const X25519Private sender = new_x25519_private().value();
  const auto forged = hpke_seal({{}, info, {}}, x25519_public(private_).value(), sender, theirs.reveal());
  ASSERT_TRUE(forged.is_ok());
  WrappedKeyringKey slot = genuine;
  std::ranges::copy(forged->encapsulated, slot.bytes.begin() + 6);
  std::ranges::copy(forged->ciphertext, slot.bytes.begin() + 6 + 32);
  EXPECT_EQ(unwrap(slot).code(), Code::kWrongKey);
  // The same by a recipient of the same private key that was added with the attacker's own sender.
  const std::string before = kept_;
  const RootKeyHandle handle_before = handle_;
  const WrappedKeyringKey theirs_by_provider = added(uri_);
  kept_ = before;
  EXPECT_EQ(unwrap(theirs_by_provider).code(), Code::kWrongKey) << "its handle names another pair";
  handle_ = handle_before;
  EXPECT_EQ(unwrap(theirs_by_provider).code(), Code::kWrongKey);
}

TEST_F(Recipient, ASlotIsOfItsPlaceAndNoBitOfItMayChange) {
  const WrappedKeyringKey wrapped = added(uri_);
  const auto provider = open(kept_ + "&" + by_key());
  const Id other = random_id().value();
  EXPECT_EQ(provider->unwrap(handle_, {other, slot_}, wrapped).code(), Code::kWrongKey) << "another coffer's";
  EXPECT_EQ(provider->unwrap(handle_, {coffer_, other}, wrapped).code(), Code::kWrongKey) << "another slot's";
  constexpr size_t kSender = 6 + 32 + 48;  // behind it nothing opens, but only renews
  for (size_t bit = 0; bit < 8 * wrapped.bytes.size(); bit += bit < 48 ? 1 : 5) {
    WrappedKeyringKey altered = wrapped;
    altered.bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    const size_t byte = bit / 8;
    if (byte >= kSender) {
      EXPECT_EQ(provider->renew(handle_, context_, key_, {context_, altered, key_}).code(), Code::kTampered) << bit;
    } else if (const Code code = provider->unwrap(handle_, context_, altered).code(); byte < 6) {
      EXPECT_EQ(code, Code::kUnsupported) << bit;
    } else {
      EXPECT_THAT(code, testing::AnyOf(Code::kWrongKey, Code::kTampered)) << bit;
    }
  }
  for (const size_t size : {size_t{0}, size_t{5}, wrapped.bytes.size() - 1, wrapped.bytes.size() + 1, size_t{2048}}) {
    WrappedKeyringKey cut = wrapped;
    cut.bytes.resize(size);
    EXPECT_EQ(provider->unwrap(handle_, context_, cut).code(), Code::kTampered) << size;
  }
  WrappedKeyringKey small_order = wrapped;
  std::fill_n(small_order.bytes.begin() + 6, 32, uint8_t{0});
  EXPECT_EQ(provider->unwrap(handle_, context_, small_order).code(), Code::kTampered);
}

TEST_F(Recipient, APublicKeyOfSmallOrderIsNeverSealedTo) {
  for (const char* hex : {"0000000000000000000000000000000000000000000000000000000000000000",
                          "0100000000000000000000000000000000000000000000000000000000000000",
                          "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"}) {
    const auto refused = open_provider("recipient:x25519/" + base64url_text(from_hex(hex).value()));
    EXPECT_EQ(refused.code(), Code::kInvalidArgument) << hex;
    EXPECT_THAT(message_of(refused.status()), HasSubstr("small order"));
  }
}

TEST_F(Recipient, EveryOptionIsCheckedAndNoneIsGuessed) {
  struct Case {
    std::string options, said;
  };
  const std::string salt = "&salt=AAAAAAAAAAAAAAAAAAAAAA";
  const Case cases[] = {
      {"?scrypt=30" + salt, "16 to 20"},  // 1 TiB
      {"?scrypt=15" + salt, "16 to 20"},
      {"?scrypt=17", "salt"},
      {"?salt=AAAAAAAAAAAAAAAAAAAAAA", "scrypt"},
      {"?scrypt=17&salt=AAAA", "16 bytes"},
      {"?scrypt=17&salt=AAAAAAAAAAAAAAAAAAAAAB", "16 bytes"},  // stray bits
      {"?scrypt=17&r=8" + salt, "option r"},
      {"?shares=1/3", "M/N"},
      {"?shares=4/3", "M/N"},
      {"?shares=3/17", "M/N"},
      {"?shares=3", "M/N"},
      {"?shares=03x/5", "M/N"},
      {"?shares=2/3&scrypt=17" + salt, "one or the other"},
      {"?shares=2/3&key=/k", "neither"},
      {"?shares=2/3&passphrase_env=X", "shares have no passphrase"},
      {"?shares_file=/s", "shares beside it"},
      {"?scrypt=17&key=/k" + salt, "neither"},
      {"?passphrase=swordfish", "in clear"},
      {"?from=AAAA", "32 bytes"},
      {"?form=x", "option form"},
  };
  for (const Case& each : cases) {
    const auto refused = open_provider(uri_ + each.options);
    EXPECT_EQ(refused.code(), Code::kInvalidArgument) << each.options;
    EXPECT_THAT(message_of(refused.status()), HasSubstr(each.said)) << each.options;
    EXPECT_THAT(message_of(refused.status()), Not(HasSubstr("swordfish")));
  }
  for (const char* form : {"recipient:", "recipient:x25519/", "recipient:x25519/AAAA", "recipient://x25519/AAAA",
                           "recipient:x448/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}) {
    EXPECT_EQ(open_provider(form).code(), Code::kInvalidArgument) << form;
  }
}

TEST_F(Recipient, ThePrivateKeyIsAFileOfItsOwnersAloneAndTheRightOne) {
  const WrappedKeyringKey wrapped = added(uri_);
  EXPECT_EQ(unwrap(wrapped, "key=" + path("none.pem")).code(), Code::kKeyUnavailable);
  write("open.pem", pem_of(private_), 0644);
  EXPECT_EQ(unwrap(wrapped, "key=" + path("open.pem")).code(), Code::kPermissionDenied);
  write("other.pem", pem_of(new_x25519_private().value()));
  EXPECT_EQ(unwrap(wrapped, "key=" + path("other.pem")).code(), Code::kWrongKey);
  write("no.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
  EXPECT_EQ(unwrap(wrapped, "key=" + path("no.pem")).code(), Code::kInvalidArgument);
}

TEST_F(Recipient, AnEncryptedPrivateKeyTakesItsPassphrase) {
  write("encrypted.pem", kEncryptedPem);
  write("right", "swordfish-swordfish\n");
  write("wrong", "trout-trout-trout\n");
  const WrappedKeyringKey wrapped =
      added("recipient:x25519/" + base64url_text(from_hex(kEncryptedPublic).value()));
  const std::string key = "key=" + path("encrypted.pem") + "&passphrase_file=";
  EXPECT_TRUE(is(unwrap(wrapped, key + path("right")), key_));
  EXPECT_EQ(unwrap(wrapped, key + path("wrong")).code(), Code::kWrongKey);
}

TEST_F(Recipient, APassphraseOpensItAndNoOther) {
  const auto uri = recipient::uri_for_passphrase(SecretBytes::copy_of(as_bytes("correct horse battery")), 16);
  ASSERT_TRUE(uri.is_ok()) << uri.status().to_string();
  const WrappedKeyringKey wrapped = added(*uri);
  write("right", "correct horse battery\n");
  write("wrong", "correct horse batterz\n");
  EXPECT_TRUE(is(unwrap(wrapped, "passphrase_file=" + path("right")), key_));
  const auto refused = unwrap(wrapped, "passphrase_file=" + path("wrong"));
  EXPECT_EQ(refused.code(), Code::kWrongKey);
  EXPECT_THAT(message_of(refused.status()), testing::AllOf(HasSubstr("passphrase"), Not(HasSubstr("batterz"))));
  EXPECT_EQ(recipient::uri_for_passphrase(SecretBytes::copy_of(as_bytes("short")), 16).code(), Code::kInvalidArgument);
}

class Shares : public Recipient {
 protected:
  Shares() {
    auto made = recipient::uri_for_shares(3, 5);
    EXPECT_TRUE(made.is_ok()) << made.status().to_string();
    for (const SecretBytes& share : made->shares) lines_.push_back(text_of(share));
    wrapped_ = added(made->uri);
  }
  Result<KeyringKey> by(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    return unwrap(wrapped_, "shares_file=" + write("shares", text));
  }
  // As somebody makes it who knows what shares look like.
  std::string forged(int index) const {
    recipient::Share share = std::move(*recipient::parse_share(as_bytes(lines_[0])));
    share.index = index;
    return text_of(recipient::format_share(share).value());
  }

  std::vector<std::string> lines_;
  WrappedKeyringKey wrapped_;
};

TEST_F(Shares, AnyThreeOfFiveOpenIt) {
  for (size_t a = 0; a < 5; ++a) {
    for (size_t b = 0; b < 5; ++b) {
      for (size_t c = 0; c < 5; ++c) {
        const auto key = by({lines_[a], lines_[b], lines_[c]});
        const bool differ = a != b && b != c && a != c;
        EXPECT_EQ(is(key, key_), differ) << a << b << c;
        EXPECT_EQ(key.code(), differ ? Code::kOk : Code::kInvalidArgument) << "one of them twice";
      }
    }
  }
  EXPECT_TRUE(is(by(lines_), key_)) << "more do not harm";
}

TEST_F(Shares, TooFewOrForeignOrForgedOnesAreToldApart) {
  const auto said = [](const Result<KeyringKey>& key) { return message_of(key.status()); };
  const auto few = by({lines_[1], lines_[4]});
  EXPECT_EQ(few.code(), Code::kInvalidArgument);
  EXPECT_THAT(said(few), HasSubstr("2 of the 3"));
  const auto other = recipient::uri_for_shares(3, 5);
  const auto mixed = by({lines_[1], text_of(other->shares[2]), lines_[4]});
  EXPECT_EQ(mixed.code(), Code::kInvalidArgument);
  EXPECT_THAT(said(mixed), HasSubstr("share 3 is one of another set"));
  const auto fake = by({lines_[1], forged(3), lines_[4]});
  EXPECT_EQ(fake.code(), Code::kWrongKey);
  EXPECT_THAT(said(fake), HasSubstr("forged"));
  EXPECT_EQ(unwrap(wrapped_, "shares_file=" + path("none")).code(), Code::kKeyUnavailable);
}

TEST_F(Shares, ATypingErrorIsNamedWhereverItIs) {
  const std::string& line = lines_[1];
  for (size_t i = 0; i < line.size(); ++i) {
    std::string typed = line;
    typed[i] = typed[i] == '7' ? '1' : '7';
    const auto refused = recipient::parse_share(as_bytes(typed));
    EXPECT_EQ(refused.code(), Code::kInvalidArgument) << i;
    typed = line;
    typed.erase(i, 1);
    EXPECT_EQ(recipient::parse_share(as_bytes(typed)).code(), Code::kInvalidArgument) << i;
    if (i == 0 || line[i] == line[i - 1]) continue;
    typed = line;
    std::swap(typed[i], typed[i - 1]);
    EXPECT_EQ(recipient::parse_share(as_bytes(typed)).code(), Code::kInvalidArgument) << i;
  }
  std::string typed = line;
  typed.replace(typed.find('-', 20), 1, "-x");
  EXPECT_THAT(message_of(recipient::parse_share(as_bytes(typed)).status()), HasSubstr("share 2"));
  std::string loose;
  for (const char c : line) loose += std::string(1, static_cast<char>(std::toupper(c))) + " ";
  EXPECT_TRUE(recipient::parse_share(as_bytes(loose)).is_ok()) << "case and blanks are not errors";
}

// Two shares of three, of a secret that is known, say nothing: every split of it gives others.
TEST_F(Shares, AreNewEveryTime) {
  const auto again = recipient::uri_for_shares(3, 5);
  std::set<std::string> all(lines_.begin(), lines_.end());
  for (const SecretBytes& share : again->shares) all.insert(text_of(share));
  EXPECT_EQ(all.size(), 10u);
  for (const auto& [threshold, count] : {std::pair{1, 1}, {3, 2}, {2, 17}, {0, 0}}) {
    EXPECT_EQ(recipient::uri_for_shares(threshold, count).code(), Code::kInvalidArgument);
  }
}

}  // namespace
}  // namespace coffer
