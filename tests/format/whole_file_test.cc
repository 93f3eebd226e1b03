// Small files of every kind, whole: whatever bit is flipped and wherever they are cut, nothing altered is ever read.
#include "format/whole_file.h"

namespace coffer {
namespace {

Bytes log_body(const Sample& sample) {
  LogSealer sealer = LogSealer::create(sample.file_key, sample.log_params(), {0, kEnvelopeSize, 0}).value();
  Buffer out;
  EXPECT_TRUE(sealer.append(pattern(40, 1), kEnvelopeSize, out));
  EXPECT_TRUE(sealer.append(pattern(60, 2), sealer.offset(), out));
  EXPECT_TRUE(sealer.close(sealer.offset(), out));
  return Bytes(out.view().begin(), out.view().end());
}

class EveryKind : public testing::TestWithParam<KindAndSuite> {
 protected:
  // Blocks; a closed log; or ctr, sealed in both slots.
  Bytes make() {
    if (sample_.fields.kind == Kind::kBlocks) return sample_.blocks_file(plaintext_);
    Bytes file = sample_.envelope();
    if (sample_.fields.kind == Kind::kLog) {
      Bytes body = log_body(sample_);
      file.insert(file.end(), body.begin(), body.end());
      return file;
    }
    file.resize(kEnvelopeSize + plaintext_.size());
    CtrBody stream = CtrBody::create(sample_.file_key, sample_.fields.suite, sample_.fields.file_id).value();
    EXPECT_TRUE(stream.apply(0, plaintext_, &file[kEnvelopeSize]));
    Gmac mac = ctr_body_mac(sample_.file_key, sample_.fields.file_id).value();
    mac.update(ByteView(file).subspan(kEnvelopeSize));
    EnvelopeFields fields = sample_.fields;
    fields.body_sealed = true;
    fields.body_size = plaintext_.size();
    fields.body_mac = mac.finish();
    for (int slot = 0; slot < 2; ++slot) {
      SlotUpdate update =
          seal_slot_update(scan_envelope(file).value(), fields, sample_.domain_key, sample_.file_key).value();
      std::ranges::copy(update.bytes, file.begin() + static_cast<ptrdiff_t>(update.offset));
    }
    return file;
  }

  void expect_nothing_altered(const Bytes& file, const Bytes& expected, const std::string& what) {
    Result<WholeFile> read = read_whole_file(file, sample_.domain_key);
    if (!read.is_ok()) {
      ASSERT_TRUE(is_integrity_error(read.code())) << what << ": " << read.status().to_string();
    } else if (read->fields.kind == Kind::kLog && !read->closed) {
      ASSERT_TRUE(is_prefix(read->plaintext, expected)) << what;
    } else {
      ASSERT_EQ(read->plaintext, expected) << what;
      ASSERT_TRUE(read->closed) << what;
    }
  }

  Sample sample_{GetParam().kind, GetParam().suite};
  Bytes plaintext_ = pattern(1100, 5);
};
INSTANTIATE_TEST_SUITE_P(All, EveryKind,
                         testing::Values(KindAndSuite{Kind::kBlocks, Suite::kAes256Gcm},
                                         KindAndSuite{Kind::kBlocks, Suite::kChaCha20Poly1305},
                                         KindAndSuite{Kind::kLog, Suite::kAes256Gcm},
                                         KindAndSuite{Kind::kLog, Suite::kChaCha20Poly1305},
                                         KindAndSuite{Kind::kCtr, Suite::kAes256Ctr}));

TEST_P(EveryKind, NothingAlteredIsEverRead) {
  const Bytes file = make();
  const Bytes expected = read_whole_file(file, sample_.domain_key)->plaintext;
  ASSERT_FALSE(expected.empty());
  for (size_t bit = 0; bit < file.size() * 8;) {
    Bytes flipped = file;
    flipped[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    expect_nothing_altered(flipped, expected, "bit " + std::to_string(bit));
    // One bit of each byte, each time another; of the envelope's zeros fewer. (The tests of each format flip them all.)
    bool zeros = bit / 8 < kEnvelopeSize && bit / 8 % kSlotSize >= kSlotRecordSize;
    bit += zeros ? 65 : 9;
  }
  for (size_t size = 0; size < file.size(); size += size < kEnvelopeSize ? 7 : 1) {
    Bytes cut(file.begin(), file.begin() + static_cast<ptrdiff_t>(size));
    expect_nothing_altered(cut, expected, "cut at " + std::to_string(size));
  }
}

}  // namespace
}  // namespace coffer
