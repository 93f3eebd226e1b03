#include "coffer/crypto/published_answers.h"

#include <algorithm>

#include "coffer/crypto/aead.h"
#include "coffer/crypto/counter_mode.h"
#include "coffer/crypto/gmac.h"
#include "coffer/crypto/siv.h"
#include "coffer/crypto/xaes.h"

namespace coffer {
namespace {

Status wrong_answer(std::string_view algorithm, std::string_view whose) {
  return {Code::kInternal, std::string(algorithm) + " of " + std::string(whose) +
                               " does not give the answer that was published for it, so it is not used; check this "
                               "machine and the libraries that it has"};
}

Bytes hex(std::string_view text) { return from_hex(text).value(); }

struct SuiteAnswer {
  Suite suite;
  std::string_view key, nonce, associated, plaintext, sealed;
};

constexpr std::string_view kGcmKey = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
constexpr std::string_view kGcmNonce = "cafebabefacedbaddecaf888";
constexpr std::string_view kGcmAssociated = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
constexpr std::string_view kGcmPlaintext =
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";
// A counter block of 16 bytes, as Coffer's key material has the first 12 and the offset the rest.
constexpr std::string_view kCtrCounter = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";
constexpr uint64_t kCtrOffset = uint64_t{0xfcfdfeff} * CounterMode::kBlockSize;
constexpr std::string_view kCtrPlaintext =
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";

constexpr SuiteAnswer kSuiteAnswers[] = {
    // McGrew and Viega, "The Galois/Counter Mode of Operation", test cases 4, 10 and 16.
    {Suite::kAes128Gcm, kGcmKey.substr(0, 32), kGcmNonce, kGcmAssociated, kGcmPlaintext,
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
     "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47"},
    {Suite::kAes192Gcm, kGcmKey.substr(0, 48), kGcmNonce, kGcmAssociated, kGcmPlaintext,
     "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c"
     "7d773d00c144c525ac619d18c84a3f4718e2448b2fe324d9ccda27102519498e80f1478f37ba55bd6d27618c"},
    {Suite::kAes256Gcm, kGcmKey, kGcmNonce, kGcmAssociated, kGcmPlaintext,
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b"},
    // RFC 8439, section 2.8.2.
    {Suite::kChaCha20Poly1305, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
     "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
     "4c616469657320616e642047656e746c656d656e206f662074686520636c6173"
     "73206f66202739393a204966204920636f756c64206f6666657220796f75206f"
     "6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73"
     "637265656e20776f756c642062652069742e",
     "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
     "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
     "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
     "3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691"},
    // c2sp.org/XAES-256-GCM, the second of its vectors.
    {Suite::kXaes256Gcm, "0303030303030303030303030303030303030303030303030303030303030303",
     "4142434445464748494a4b4c4d4e4f505152535455565758", "633273702e6f72672f584145532d3235362d47434d",
     "584145532d3235362d47434d", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"},
    // SP 800-38A, F.5.1, F.5.3 and F.5.5.
    {Suite::kAes128Ctr, "2b7e151628aed2a6abf7158809cf4f3c", kCtrCounter.substr(0, 24), "", kCtrPlaintext,
     "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"
     "5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee"},
    {Suite::kAes192Ctr, "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b", kCtrCounter.substr(0, 24), "",
     kCtrPlaintext,
     "1abc932417521ca24f2b0459fe7e6e0b090339ec0aa6faefd5ccc2c6f4ce8e94"
     "1e36b26bd1ebc670d1bd1d665620abf74f78a7f6d29809585a97daec58c6b050"},
    {Suite::kAes256Ctr, "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", kCtrCounter.substr(0, 24),
     "", kCtrPlaintext,
     "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5"
     "2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6"},
};

Status check_sealed(const SuiteInfo& info, const SuiteAnswer& answer, const CryptoBackend& backend) {
  COFFER_ASSIGN(auto key, AeadKey::create(info.suite, hex(answer.key), backend));
  std::array<uint8_t, kNonceSize> base;
  std::ranges::copy(hex(answer.nonce), base.begin());
  const Nonce nonce(base, 0);
  const Bytes associated = hex(answer.associated), plaintext = hex(answer.plaintext), expected = hex(answer.sealed);
  Bytes sealed(expected.size()), opened(answer.plaintext.size() / 2);
  COFFER_TRY(key->seal(nonce, associated, plaintext, sealed.data()));
  bool good = sealed == expected && key->open(nonce, associated, sealed, opened.data()) && opened == plaintext;
  sealed.back() ^= 1;
  good = good && !key->open(nonce, associated, sealed, opened.data());
  return good ? Status::ok() : wrong_answer(info.name, backend.name);
}

// Opened only: a nonce is nobody's to choose. That the same is sealed, check_suite_against_openssl() sees to.
Status check_extended(const SuiteInfo& info, const SuiteAnswer& answer, const CryptoBackend& backend) {
  COFFER_ASSIGN(const XaesGcm key, XaesGcm::create(hex(answer.key), backend));
  const Bytes associated = hex(answer.associated), sealed = hex(answer.sealed);
  const ByteView ciphertext = ByteView(sealed).first(sealed.size() - kTagSize);
  XaesSeal seal;
  std::ranges::copy(hex(answer.nonce), seal.nonce.begin());
  std::ranges::copy(ByteView(sealed).last(kTagSize), seal.tag.begin());
  Bytes opened(ciphertext.size());
  XaesOpening opening(key);
  bool good = opening.open(associated, ciphertext, seal, opened.data()) && opened == hex(answer.plaintext);
  seal.tag.back() ^= 1;
  good = good && !opening.open(associated, ciphertext, seal, opened.data());
  return good ? Status::ok() : wrong_answer(info.name, backend.name);
}

Status check_stream(const SuiteInfo& info, const SuiteAnswer& answer, const CryptoBackend& backend) {
  Bytes key = hex(answer.key);
  const Bytes iv = hex(answer.nonce), plaintext = hex(answer.plaintext);
  key.insert(key.end(), iv.begin(), iv.end());
  COFFER_ASSIGN(auto mode, CounterMode::create(info.suite, key, backend));
  Bytes out(plaintext.size());
  mode->apply(kCtrOffset, plaintext, out.data());
  return out == hex(answer.sealed) ? Status::ok() : wrong_answer(info.name, backend.name);
}

struct HashExample {
  std::string_view name, key, data, out;
};

// In the order of HashAnswer.
constexpr HashExample kHashExamples[] = {
    // RFC 4231, case 2.
    {"HMAC-SHA-256", "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    // RFC 5869, case 1.
    {"HKDF-Expand-SHA-256", "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5", "f0f1f2f3f4f5f6f7f8f9",
     "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"},
    // Project Wycheproof, c2sp_chunked_encryption_aes_256_gcm_test.json, case 1: "c2sp.org/chunked-encryption@v1+
    // AEAD_AES_256_GCM" and a salt; key, nonce and commitment.
    {"HKDF-Expand-SHA-512", "59454c4c4f57205355424d4152494e452059454c4c4f57205355424d4152494e",
     "633273702e6f72672f6368756e6b65642d656e6372797074696f6e4076312b41"
     "4541445f4145535f3235365f47434d0043a2e39431cbae0389d3fc86adf46f7c3a24de88d9311617",
     "781b72bce3c966fffb09e5d596e1d21b029b21a9599852fb9b9f644e23b86ae8"
     "f206a92ac0ba380c8e9e3843e53f3164cc1d5dc738a66b97f0bf786565c31799c2f463d50a7e10046011dc6f"},
    // FIPS 180-2, appendix B.1.
    {"SHA-256", "", "616263", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
};

}  // namespace

Status check_published_suite(const SuiteInfo& info, const CryptoBackend& backend) {
  const auto answer = std::ranges::find(kSuiteAnswers, info.suite, &SuiteAnswer::suite);
  if (answer == std::end(kSuiteAnswers)) return wrong_answer(info.name, backend.name);
  switch (info.mode) {
    case CipherMode::kAead: return check_sealed(info, *answer, backend);
    case CipherMode::kExtendedAead: return check_extended(info, *answer, backend);
    case CipherMode::kCounter: break;
  }
  return check_stream(info, *answer, backend);
}

// NIST CAVP, gcmEncryptExtIV256.rsp: no plaintext, 128 bits of associated data, count 0.
Status check_published_gmac(const CryptoBackend& backend) {
  const Bytes key = hex("78dc4e0aaf52d935c3c01eea57428f00ca1fd475f5da86a49c8dd73d68c8e223d79cf22d504cc793c3fb6c8a");
  COFFER_ASSIGN(auto computation, GmacComputation::create(key, backend));
  computation->update(hex("b96baa8c1c75a671bfb2d08d06be5f36"));
  const bool good = std::ranges::equal(computation->finish(), hex("3e5d486aa2e30b22e040b85723a06e76"));
  return good ? Status::ok() : wrong_answer("GMAC", backend.name);
}

// RFC 5297, A.1.
Status check_published_siv() {
  COFFER_ASSIGN(const CryptoBackend* backend, crypto_backend(Suite::kAes128Ctr));
  const Bytes key = hex("fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
  COFFER_ASSIGN(const AesSiv siv, AesSiv::create(key, *backend));
  const Bytes associated = hex("101112131415161718191a1b1c1d1e1f2021222324252627");
  const Bytes plaintext = hex("112233445566778899aabbccddee");
  const Bytes expected = hex("85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c");
  const ByteView with[] = {associated};
  Bytes sealed(expected.size()), opened(plaintext.size());
  COFFER_TRY(siv.seal(with, plaintext, sealed));
  bool good = sealed == expected && siv.open(with, sealed, opened).is_ok() && opened == plaintext;
  sealed.back() ^= 1;
  good = good && siv.open(with, sealed, opened).code() == Code::kTampered;
  return good ? Status::ok() : wrong_answer("AES-SIV", backend->name);
}

Status check_published_hash(HashAnswer of, KeyedHash function) {
  const HashExample& example = kHashExamples[static_cast<size_t>(of)];
  const Bytes expected = hex(example.out);
  Bytes out(expected.size());
  COFFER_TRY(function(hex(example.key), hex(example.data), out));
  return out == expected ? Status::ok() : wrong_answer(example.name, "openssl");
}

// Project Wycheproof, aes_kwp_test.json, case 161.
Status check_published_key_wrap(KeyWrapFunction wrap, KeyUnwrapFunction unwrap) {
  const Bytes wrap_key = hex("fce0429c610658ef8e7cfb0154c51de2239a8a317f5af5b6714f985fb5c4d75c");
  const Bytes key = hex("287326b5ed0078e7ca0164d748f667e7");
  const Bytes expected = hex("e3eab96d9a2fda12f9e252053aff15e753e5ea6f5172c92b");
  COFFER_ASSIGN(Bytes wrapped, wrap(wrap_key, key));
  auto unwrapped = unwrap(wrap_key, expected);
  bool good = wrapped == expected && unwrapped.is_ok() && std::ranges::equal(unwrapped->reveal(), key);
  wrapped.back() ^= 1;
  good = good && unwrap(wrap_key, wrapped).code() == Code::kWrongKey;
  return good ? Status::ok() : wrong_answer("AES key wrap", "openssl");
}

}  // namespace coffer
