#include "coffer/providers/recipient/split.h"

#include <algorithm>
#include <mutex>

extern "C" {
#include <libgfshare.h>
}

#include "coffer/base/text.h"
#include "coffer/crypto/kdf.h"
#include "coffer/crypto/random.h"
#include "coffer/providers/recipient/settings.h"

namespace coffer::recipient {
namespace {

// libgfshare takes random bytes from a function that cannot fail, which is one for the whole process and may be another
// library's. So they are drawn before; ours hands them out to the thread that has some, in their order, and to
// everybody else what was there before it. libgfshare also overwrites its memory with "random" bytes before it frees
// it: there zeros do.
struct Handed {
  bool is_ours = false;
  ByteView left;
  size_t asked = 0;
};
thread_local Handed handed;
gfshare_rand_func_t function_before = nullptr;

void give_random(unsigned char* out, unsigned int size) {
  if (!handed.is_ours) {
    if (function_before != nullptr) function_before(out, size);
    return;
  }
  const size_t given = std::min<size_t>(size, handed.left.size());
  std::copy_n(handed.left.begin(), given, out);
  std::fill(out + given, out + size, uint8_t{0});
  handed.left = handed.left.subspan(given);
  handed.asked += size;
}

// While one lives, libgfshare in this thread has the random bytes that it is given here, and zeros.
class OurRandom {
 public:
  OurRandom() : lock_(mutex()) {
    function_before = gfshare_fill_rand;
    gfshare_fill_rand = give_random;
    handed = {true, {}, 0};
  }
  ~OurRandom() {
    gfshare_fill_rand = function_before;
    handed = {};
  }
  OurRandom(const OurRandom&) = delete;
  OurRandom& operator=(const OurRandom&) = delete;

  // Whether exactly `random` is taken by what `use` does.
  template <class Use>
  [[nodiscard]] static bool takes(ByteView random, Use use) {
    handed = {true, random, 0};
    use();
    const bool exactly = handed.left.empty() && handed.asked == random.size();
    handed.left = {};
    return exactly;
  }

 private:
  static std::mutex& mutex() {
    static std::mutex mutex;
    return mutex;
  }
  std::lock_guard<std::mutex> lock_;
};

struct FreeSharing {
  void operator()(gfshare_ctx* sharing) const { gfshare_ctx_free(sharing); }
};
using Sharing = std::unique_ptr<gfshare_ctx, FreeSharing>;

Status no_memory() { return {Code::kInternal, "libgfshare has no memory"}; }

// libgfshare takes what it only reads by mutable pointers.
uint8_t* only_read(const SecretBytes& bytes) { return const_cast<uint8_t*>(bytes.reveal().data()); }

Result<X25519Private> interpolate(const std::vector<const Share*>& shares) {
  const OurRandom ours;
  Bytes numbers;
  for (const Share* share : shares) numbers.push_back(static_cast<uint8_t>(share->index));
  const Sharing sharing(gfshare_ctx_init_dec(numbers.data(), static_cast<unsigned int>(numbers.size()), kX25519Size));
  if (sharing == nullptr) return no_memory();
  for (size_t i = 0; i < shares.size(); ++i) {
    gfshare_ctx_dec_giveshare(sharing.get(), static_cast<unsigned char>(i), only_read(shares[i]->data));
  }
  SecretBytes out(kX25519Size);
  gfshare_ctx_dec_extract(sharing.get(), out.reveal_mutable().data());
  return X25519Private(std::move(out));
}

// The random coefficients are in, and the shares of what they came to.
Status deal(const X25519Private& key, int threshold, std::vector<Share>& shares) {
  COFFER_ASSIGN(const SecretBytes random, random_secret(kX25519Size * static_cast<size_t>(threshold - 1)));
  const OurRandom ours;
  Bytes numbers;
  for (const Share& share : shares) numbers.push_back(static_cast<uint8_t>(share.index));
  const Sharing sharing(gfshare_ctx_init_enc(numbers.data(), static_cast<unsigned int>(numbers.size()),
                                             static_cast<unsigned char>(threshold), kX25519Size));
  if (sharing == nullptr) return no_memory();
  const bool took = OurRandom::takes(
      random.reveal(), [&] { gfshare_ctx_enc_setsecret(sharing.get(), const_cast<uint8_t*>(key.reveal().data())); });
  if (!took) return {Code::kInternal, "libgfshare did not take the random bytes it was given; no share is handed out"};
  for (size_t i = 0; i < shares.size(); ++i) {
    gfshare_ctx_enc_getshare(sharing.get(), static_cast<unsigned char>(i), shares[i].data.reveal_mutable().data());
  }
  return Status::ok();
}

// By the first shares that suffice, and by the last.
Status try_out(const X25519Private& key, int threshold, const std::vector<Share>& shares) {
  for (const size_t from : {size_t{0}, shares.size() - static_cast<size_t>(threshold)}) {
    std::vector<const Share*> some;
    for (size_t i = from; some.size() < static_cast<size_t>(threshold); ++i) some.push_back(&shares[i]);
    COFFER_ASSIGN(const X25519Private back, interpolate(some));
    if (!equal_constant_time(back.reveal(), key.reveal())) {
      return {Code::kInternal, "the shares do not give the key back; none is handed out"};
    }
  }
  return Status::ok();
}

}  // namespace

Result<std::vector<Share>> split(const X25519Private& key, const X25519Public& recipient, int threshold,
                                 int share_count) {
  if (threshold < 2 || share_count < threshold || share_count > kShareCountMax) {
    return {Code::kInvalidArgument, "expected M of N shares, from 2/2 to 16/16"};
  }
  COFFER_ASSIGN(const ShareSetId set, share_set_id(recipient));
  std::vector<Share> out;
  for (int index = 1; index <= share_count; ++index) {
    out.push_back({threshold, index, set, SecretBytes(kX25519Size)});
  }
  COFFER_TRY(deal(key, threshold, out));
  COFFER_TRY(try_out(key, threshold, out));
  return out;
}

Status ShareSet::add(ByteView line) {
  COFFER_ASSIGN(Share share, parse_share(line));
  const std::string name = "share " + std::to_string(share.index);
  COFFER_ASSIGN(const ShareSetId set, share_set_id(recipient_));
  if (share.set != set || share.threshold != threshold_) {
    return {Code::kInvalidArgument,
            name + " is one of another set, " + to_hex(share.set) + "; those of this slot are of set " + to_hex(set)};
  }
  if (std::ranges::any_of(shares_, [&](const Share& other) { return other.index == share.index; })) {
    return {Code::kInvalidArgument, name + " was given already; give another one"};
  }
  shares_.push_back(std::move(share));
  return Status::ok();
}

int ShareSet::missing() const { return std::max(0, threshold_ - static_cast<int>(shares_.size())); }

Result<X25519Private> ShareSet::combine() const {
  if (missing() > 0) {
    return {Code::kInvalidArgument, std::to_string(shares_.size()) + " of the " + std::to_string(threshold_) +
                                        " shares that are needed were given; give the others too"};
  }
  std::vector<const Share*> some;
  for (const Share& share : shares_) {
    if (some.size() < static_cast<size_t>(threshold_)) some.push_back(&share);
  }
  return interpolate(some);
}

}  // namespace coffer::recipient
