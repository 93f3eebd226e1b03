// Writes `pages` files with nonces that anybody knows: for worked examples and golden files. It lays out by itself what
// the page says, since in the library a nonce is always drawn.
#pragma once

#include "coffer/crypto/aead.h"
#include "coffer/crypto/counter_mode.h"
#include "coffer/format/key_schedule.h"
#include "coffer/format/pages_record.h"
#include "coffer/format/pages_root.h"
#include "coffer/format/pages_tags.h"
#include "format/sample.h"

namespace coffer {

class KnownPages {
 public:
  // `nonce`: 24 bytes, of the first seal; each later one has the next.
  KnownPages(const FileKey& file_key, const EnvelopeFields& fields, Bytes envelope, ByteView nonce)
      : layout_(PagesLayout::create(fields.chunk_log2).value()),
        key_(pages_key(file_key, fields.file_id, fields.chunk_log2).value()),
        bytes_(std::move(envelope)) {
    std::ranges::copy(nonce, nonce_.begin());
    derive(nonce);
  }

  // In its place. The plaintext is a page or less, of zeros behind.
  void page(uint64_t number, ByteView plaintext) {
    Bytes bytes = whole(plaintext);
    put_seal(number, TagBlock::State::kPage, seal_page(number, bytes));
    put(layout_.page_offset(number), bytes);
  }
  void hole(uint64_t number) {
    put_seal(number, TagBlock::State::kHole, seal(numbered(PagesSealed::kHole, number), {}, nullptr));
  }
  void root(size_t slot, const PagesRoot& root) {
    Bytes bytes(as_bytes("CFPR").begin(), as_bytes("CFPR").end());
    append32(bytes, static_cast<uint32_t>(root.holes.size()));
    for (uint64_t field :
         {root.sequence, root.size, root.proven, root.epoch, root.journal, root.records, root.durable}) {
      append64(bytes, field);
    }
    for (const GroupRange& range : root.holes) {
      append64(bytes, range.first);
      append64(bytes, range.count);
    }
    append_seal(bytes, PagesSealed::kRoot);
    put(PagesLayout::kRootOffsets[slot], bytes);
  }
  // At `offset`. Returns where the next one goes.
  uint64_t record(uint64_t offset, PagesRecord record, ByteView plaintext = {}) {
    Bytes page;
    if (record.what == PagesRecord::What::kPage) {
      page = whole(plaintext);
      record.page_seal = seal_page(record.page, page);
    }
    Bytes bytes(as_bytes("CFPJ").begin(), as_bytes("CFPJ").end());
    append32(bytes, static_cast<uint32_t>(record.what));
    for (uint64_t field : {record.epoch, record.number, record.page, record.count, record.size, record.durable}) {
      append64(bytes, field);
    }
    append(bytes, record.page_seal);
    append_seal(bytes, PagesSealed::kRecord);
    bytes.insert(bytes.end(), page.begin(), page.end());
    put(offset, bytes);
    return offset + bytes.size();
  }

  const PagesLayout& layout() const { return layout_; }
  const XaesKey& key() const { return key_; }
  // What all messages are sealed under here.
  ByteView derived_key() const { return derived_; }
  const Bytes& bytes() const { return bytes_; }

 private:
  // As C2SP has it, for all nonces that begin with these 12 bytes.
  void derive(ByteView nonce) {
    Bytes with_iv(key_.reveal().begin(), key_.reveal().end());
    with_iv.resize(with_iv.size() + kNonceSize);
    const CryptoBackend& backend = *crypto_backend(Suite::kAes256Ctr).value();
    const auto aes = CounterMode::create(Suite::kAes256Ctr, with_iv, backend).value();
    std::array<uint8_t, 16> mask;
    aes->encrypt_block({}, mask.data());
    const bool carry = mask[0] >> 7 != 0;
    for (size_t i = 0; i < 16; ++i) {
      const int next = i + 1 < 16 ? mask[i + 1] >> 7 : 0;
      mask[i] = static_cast<uint8_t>(mask[i] << 1 | next);
    }
    if (carry) mask[15] ^= 0x87;
    for (uint8_t half : {0, 1}) {
      CounterMode::Counter block = {0, static_cast<uint8_t>(half + 1), 'X', 0};
      std::copy_n(nonce.begin(), kNonceSize, block.begin() + 4);
      for (size_t i = 0; i < 16; ++i) block[i] ^= mask[i];
      aes->encrypt_block(block, derived_.data() + 16 * half);
    }
    aead_ = AeadKey::create(Suite::kAes256Gcm, derived_).value();
  }

  XaesSeal seal(ByteView associated, ByteView plaintext, uint8_t* out) {
    XaesSeal seal;
    std::array<uint8_t, kNonceSize> base;
    std::copy_n(nonce_.begin() + kNonceSize, kNonceSize, base.begin());
    const Nonce nonce(base, sealed_++);
    seal.nonce = nonce_;
    std::copy_n(nonce.data(), kNonceSize, seal.nonce.begin() + kNonceSize);
    EXPECT_TRUE(aead_->seal(nonce, associated, plaintext, out, seal.tag.data()));
    return seal;
  }
  XaesSeal seal_page(uint64_t number, Bytes& page) {
    return seal(numbered(PagesSealed::kPage, number), page, page.data());
  }
  static Bytes numbered(PagesSealed what, uint64_t number) {
    Bytes out = {static_cast<uint8_t>(what)};
    append64(out, number);
    return out;
  }
  // Of all that `bytes` are so far.
  void append_seal(Bytes& bytes, PagesSealed what) {
    Bytes associated = {static_cast<uint8_t>(what)};
    associated.insert(associated.end(), bytes.begin(), bytes.end());
    append(bytes, seal(associated, {}, nullptr));
  }

  Bytes whole(ByteView plaintext) const {
    Bytes out(plaintext.begin(), plaintext.end());
    out.resize(layout_.page_size());
    return out;
  }
  void put(uint64_t offset, ByteView bytes) {
    bytes_.resize(std::max<size_t>(bytes_.size(), offset + bytes.size()));
    std::ranges::copy(bytes, bytes_.begin() + static_cast<ptrdiff_t>(offset));
  }
  void put_seal(uint64_t number, TagBlock::State state, const XaesSeal& seal) {
    const uint64_t offset = layout_.group_offset(PagesLayout::group_of(number));
    bytes_.resize(std::max<size_t>(bytes_.size(), offset + kTagBlockSize));
    TagBlock block;
    std::ranges::copy(slice(bytes_, offset, kTagBlockSize), block.bytes().begin());
    block.set(number % kPagesInGroup, state, seal);
    put(offset, block.bytes());
  }
  static void append(Bytes& bytes, const XaesSeal& seal) {
    bytes.insert(bytes.end(), seal.nonce.begin(), seal.nonce.end());
    bytes.insert(bytes.end(), seal.tag.begin(), seal.tag.end());
  }
  static void append32(Bytes& bytes, uint32_t value) {
    bytes.resize(bytes.size() + 4);
    store_le32(&bytes[bytes.size() - 4], value);
  }
  static void append64(Bytes& bytes, uint64_t value) {
    bytes.resize(bytes.size() + 8);
    store_le64(&bytes[bytes.size() - 8], value);
  }

  PagesLayout layout_;
  XaesKey key_;
  Bytes bytes_;
  std::array<uint8_t, XaesSeal::kNonceSize> nonce_;
  uint64_t sealed_ = 0;
  std::array<uint8_t, 32> derived_{};
  std::unique_ptr<AeadKey> aead_;
};

}  // namespace coffer
