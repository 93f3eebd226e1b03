#include "coffer/crypto/stream.h"

#include <algorithm>

#include "coffer/crypto/aead.h"

namespace coffer {
namespace {

// Nonces are counters, never random, so the 2^32 messages per key of SP 800-38D section 8.3 do not apply (it exempts
// deterministic 96-bit nonces). What limits a key is the block count: 2^40 bytes are 2^36 blocks, which an adversary
// tells from random with probability 2^-57. An index is a chunk number or a byte offset of at most that many bytes.
constexpr uint64_t kIndexMax = uint64_t{1} << 40;

struct StreamParts {
  std::unique_ptr<AeadKey> key;
  std::array<uint8_t, kNonceSize> base_nonce;
};

Result<StreamParts> split(Suite suite, const StreamKey& key) {
  const SuiteInfo* info = find_suite(static_cast<uint8_t>(suite));
  if (info == nullptr || info->mode != CipherMode::kAead) {
    return {Code::kInvalidArgument, "a stream needs an authenticated suite, such as aes-256-gcm"};
  }
  if (key.size() != info->key_size + kNonceSize) {
    return {Code::kInvalidArgument, "a stream key of " + std::string(info->name) + " has " +
                                        std::to_string(info->key_size + kNonceSize) + " bytes, not " +
                                        std::to_string(key.size())};
  }
  StreamParts parts;
  COFFER_ASSIGN(parts.key, AeadKey::create(suite, key.reveal().first(info->key_size), Expansion::kWhileRoomy));
  std::ranges::copy(key.reveal().subspan(info->key_size), parts.base_nonce.begin());
  return parts;
}

}  // namespace

size_t stream_key_size(Suite suite) { return suite_info(suite).key_size + kNonceSize; }

Result<StreamSealer> StreamSealer::create(Suite suite, const StreamKey& key) {
  COFFER_ASSIGN(StreamParts parts, split(suite, key));
  StreamSealer out;
  out.key_ = std::move(parts.key);
  out.base_nonce_ = parts.base_nonce;
  return out;
}

StreamSealer::StreamSealer(StreamSealer&&) noexcept = default;
StreamSealer& StreamSealer::operator=(StreamSealer&&) noexcept = default;
StreamSealer::~StreamSealer() = default;

Status StreamSealer::seal(uint64_t index, ByteView associated, ByteView plaintext, uint8_t* out) {
  if (index < next_index_) {
    return {Code::kInternal, "index " + std::to_string(index) + " of a sealed stream was used already: next is " +
                                 std::to_string(next_index_)};
  }
  if (index > kIndexMax) {
    return {Code::kLimitExceeded, "a sealed stream reached its limit of 2^40: start a new file"};
  }
  next_index_ = index + 1;  // before sealing: whatever goes wrong then, this nonce is spent
  Nonce nonce(base_nonce_, index);
  COFFER_TRY(key_->seal(nonce, associated, plaintext, out));
  key_->audit(nonce, associated, {out, plaintext.size()}, out + plaintext.size());
  return Status::ok();
}

void StreamSealer::drop_key() { key_.reset(); }

Result<StreamOpener> StreamOpener::create(Suite suite, const StreamKey& key) {
  COFFER_ASSIGN(StreamParts parts, split(suite, key));
  StreamOpener out;
  out.key_ = std::move(parts.key);
  out.base_nonce_ = parts.base_nonce;
  return out;
}

StreamOpener::StreamOpener(StreamOpener&&) noexcept = default;
StreamOpener& StreamOpener::operator=(StreamOpener&&) noexcept = default;
StreamOpener::~StreamOpener() = default;

bool StreamOpener::open(uint64_t index, ByteView associated, ByteView sealed, uint8_t* out) const {
  return key_->open(Nonce(base_nonce_, index), associated, sealed, out);
}

Status StreamOpener::usable() const { return key_->usable(); }

void StreamOpener::drop_key() { key_.reset(); }

void StreamOpener::take_key(StreamOpener&& same) { key_ = std::move(same.key_); }

}  // namespace coffer
