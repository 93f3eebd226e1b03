// Where keys are in this process's memory: found by reading all of it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "coffer/crypto/aead.h"
#include "coffer/crypto/counter_mode.h"
#include "coffer/crypto/ctr.h"
#include "coffer/crypto/gmac.h"
#include "coffer/crypto/kdf.h"
#include "coffer/crypto/key_wrap.h"
#include "coffer/crypto/random.h"
#include "crypto/backends.h"

// Memory that the sanitizers think nobody may read.
#define READS_FOREIGN_MEMORY __attribute__((no_sanitize("address", "thread", "undefined")))

namespace coffer {
namespace {

// 16 bytes to look for, kept inverted so that the search does not find itself.
class Needle {
 public:
  explicit Needle(ByteView bytes) {
    for (size_t i = 0; i < kSize; ++i) inverted_[i] = static_cast<uint8_t>(~bytes[i]);
  }

  READS_FOREIGN_MEMORY size_t count_in(const uint8_t* begin, const uint8_t* end) const {
    size_t count = 0;
    uint8_t first = static_cast<uint8_t>(~inverted_[0]);
    for (const uint8_t* at = begin; at + kSize <= end; ++at) {
      if (*at != first) continue;
      size_t i = 1;
      while (i < kSize && at[i] == static_cast<uint8_t>(~inverted_[i])) ++i;
      if (i == kSize) ++count;
    }
    return count;
  }

 private:
  static constexpr size_t kSize = 16;
  uint8_t inverted_[kSize];
};

struct Places {
  size_t secret = 0;  // in mappings kept out of core dumps
  size_t other = 0;   // heap, stacks, data
};

struct Mapping {
  uintptr_t begin = 0, end = 0;
  size_t resident_kib = 0;
  bool writable = false;
  bool not_dumped = false;
};

std::vector<Mapping> own_mappings() {
  std::vector<Mapping> out;
  std::ifstream smaps("/proc/self/smaps");
  for (std::string line; std::getline(smaps, line);) {
    Mapping mapping;
    char mode[5] = {};
    if (std::sscanf(line.c_str(), "%lx-%lx %4s", &mapping.begin, &mapping.end, mode) == 3) {
      mapping.writable = std::string_view(mode) == "rw-p";
      out.push_back(mapping);
    } else if (out.empty()) {
      continue;
    } else if (std::sscanf(line.c_str(), "Rss: %zu", &mapping.resident_kib) == 1) {
      out.back().resident_kib = mapping.resident_kib;
    } else if (line.starts_with("VmFlags:")) {
      out.back().not_dumped = line.find(" dd") != std::string::npos;
    }
  }
  return out;
}

// Calls `use` for every run of pages of a mapping that are in memory or swapped out: the sanitizers map far more than
// they ever touch.
template <class Use>
void for_each_used_run(int pagemap, const Mapping& mapping, Use use) {
  constexpr uint64_t kPresentOrSwapped = uint64_t{3} << 62;
  constexpr uintptr_t kPageSize = 4096;
  std::vector<uint64_t> entries((mapping.end - mapping.begin) / kPageSize);
  auto size = static_cast<ssize_t>(entries.size() * sizeof(uint64_t));
  auto at = static_cast<off_t>(mapping.begin / kPageSize * sizeof(uint64_t));
  ASSERT_EQ(pread(pagemap, entries.data(), entries.size() * sizeof(uint64_t), at), size) << "/proc/self/pagemap";
  uintptr_t begin = 0, end = 0;  // of the run that grows
  for (size_t i = 0; i < entries.size(); ++i) {
    if ((entries[i] & kPresentOrSwapped) == 0) continue;
    uintptr_t page = mapping.begin + i * kPageSize;
    if (page != end) {
      use(begin, end);
      begin = page;
    }
    end = page + kPageSize;
  }
  use(begin, end);
}

// Looks through every writable private mapping but the sanitizers' shadows, which are larger than anything of ours.
Places find(const Needle& needle) {
  constexpr uintptr_t kMappingMax = uintptr_t{1} << 30;
  Places out;
  int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  for (const Mapping& mapping : own_mappings()) {
    if (!mapping.writable || mapping.resident_kib == 0 || mapping.end - mapping.begin > kMappingMax) continue;
    for_each_used_run(pagemap, mapping, [&](uintptr_t begin, uintptr_t end) {
      (mapping.not_dumped ? out.secret : out.other) +=
          needle.count_in(reinterpret_cast<const uint8_t*>(begin), reinterpret_cast<const uint8_t*>(end));
    });
  }
  close(pagemap);
  return out;
}

// A key whose bytes exist in secret memory only, and what to look for. The halves of a key are the first two round keys
// of AES-256, so finding either finds a key schedule as well.
struct Watched {
  explicit Watched(size_t size)
      : key(random_secret(size).value()), first(key.reveal()), second(key.reveal().subspan(size - 16)) {}
  SecretBytes key;
  Needle first, second;

  Places places() const {
    Places a = find(first), b = find(second);
    return {a.secret + b.secret, a.other + b.other};
  }
  void forget() { key = SecretBytes(); }
};

class KeyMemory : public testing::TestWithParam<CryptoBackend> {
 protected:
  // OpenSSL allocates its own key schedules, which it wipes but does not lock.
  bool schedules_are_ours() const { return GetParam() == CryptoBackend::kIpsecMb; }

  void expect_used(const Watched& watched, size_t own_copies) {
    Places places = watched.places();
    EXPECT_GE(places.secret, own_copies);
    if (schedules_are_ours()) {
      EXPECT_EQ(places.other, 0u);
    }
  }
  void expect_gone(const Watched& watched) {
    Places places = watched.places();
    EXPECT_EQ(places.secret, 0u);
    EXPECT_EQ(places.other, 0u);
  }
};

INSTANTIATE_TEST_SUITE_P(EveryBackend, KeyMemory, testing::ValuesIn(usable_backends()), [](const auto& instance) {
  return instance.param == CryptoBackend::kOpenSsl ? "OpenSsl" : "IpsecMb";
});

TEST_P(KeyMemory, TheSearchFindsWhatIsThere) {
  Watched watched(32);
  EXPECT_EQ(watched.places().secret, 2u);
  EXPECT_EQ(watched.places().other, 0u);
  Bytes careless(watched.key.reveal().begin(), watched.key.reveal().end());
  EXPECT_EQ(watched.places().other, 2u);
  wipe(careless.data(), careless.size());
  EXPECT_EQ(watched.places().other, 0u);
}

TEST_P(KeyMemory, AeadKeysStayInSecretMemoryAndVanish) {
  for (Suite suite : {Suite::kAes256Gcm, Suite::kChaCha20Poly1305}) {
    Watched watched(32);
    auto aead = AeadKey::create(suite, watched.key.reveal(), GetParam()).value();
    watched.forget();
    std::array<uint8_t, kNonceSize> base{};
    Bytes text(5000 + kTagSize);
    for (uint64_t i = 0; i < 3; ++i) {
      ASSERT_TRUE(aead->seal(Nonce(base, i), {}, ByteView(text).first(5000), text.data()));
      ASSERT_TRUE(aead->open(Nonce(base, i), {}, text, text.data()));
    }
    expect_used(watched, 1);
    aead.reset();
    expect_gone(watched);
  }
}

TEST_P(KeyMemory, CounterModeKeysStayInSecretMemoryAndVanish) {
  Watched watched(32);
  SecretBytes with_iv(32 + kNonceSize);
  std::ranges::copy(watched.key.reveal(), with_iv.reveal_mutable().begin());
  auto mode = CounterMode::create(Suite::kAes256Ctr, with_iv.reveal(), GetParam()).value();
  watched.forget();
  with_iv = SecretBytes();
  Bytes text(5000);
  mode->apply(7, text, text.data());
  expect_used(watched, 1);
  mode.reset();
  expect_gone(watched);
}

TEST_P(KeyMemory, GmacKeysStayInSecretMemoryAndVanish) {
  Watched watched(32);
  SecretBytes with_nonce(Gmac::kKeySize);
  std::ranges::copy(watched.key.reveal(), with_nonce.reveal_mutable().begin());
  auto gmac = GmacComputation::create(with_nonce.reveal(), GetParam()).value();
  watched.forget();
  with_nonce = SecretBytes();
  gmac->update(Bytes(100));
  if (schedules_are_ours()) expect_used(watched, 1);
  (void)gmac->finish();
  gmac.reset();
  expect_gone(watched);
}

TEST(DerivedKeyMemory, UnwrappedKeysLeaveNothingBehindEither) {
  Watched parent(32);
  SecretBytes derived = derive(parent.key.reveal(), "file wrap", Bytes(33), 32).value();
  Needle derived_needle(derived.reveal());
  WrapKey wrap_key(std::move(derived));
  Bytes wrapped = kwp_wrap(wrap_key, parent.key.reveal()).value();
  SecretBytes unwrapped = kwp_unwrap(wrap_key, wrapped).value();
  EXPECT_EQ(parent.places().secret, 4u);  // the key and its unwrapped copy, two halves each
  EXPECT_EQ(parent.places().other, 0u);
  EXPECT_EQ(find(derived_needle).secret, 1u);
  EXPECT_EQ(find(derived_needle).other, 0u);
  parent.forget();
  unwrapped = SecretBytes();
  wrap_key = WrapKey();
  EXPECT_EQ(parent.places().secret + parent.places().other, 0u);
  EXPECT_EQ(find(derived_needle).secret + find(derived_needle).other, 0u);
}

}  // namespace
}  // namespace coffer
