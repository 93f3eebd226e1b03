#include "coffer/files/ctr_body.h"

#include <algorithm>

#include "coffer/base/check.h"
#include "coffer/crypto/kdf.h"
#include "coffer/files/complete_writer.h"
#include "coffer/files/read_exactly.h"

namespace coffer {
namespace {

// A key that is taken back does not come back: the MAC of what was written is gone with it.
class CtrWriter final : public FileWriter, private KeyHolder {
 public:
  CtrWriter(std::shared_ptr<Coffer> coffer, const NewFile& file, const RestingKey<FileRole>& file_key, CtrBody body,
            Gmac mac)
      : FileWriter(file.fields.file_id, file.envelope),
        KeyHolder(file.lease, file.fields),
        coffer_(std::move(coffer)),
        file_key_(file_key),
        envelope_(file.envelope.begin(), file.envelope.end()),
        body_(std::move(body)),
        mac_(std::move(mac)) {
    enroll();
  }
  ~CtrWriter() override { leave(); }

  bool may_sync_beside_append() const override { return true; }
  uint64_t logical_size() const override { return size_; }
  uint64_t physical_offset(uint64_t offset) const override { return kEnvelopeSize + offset; }

 protected:
  Status append_data(ByteView data, AppendFile& file) override {
    const size_t head_size = out_.size();
    uint8_t* sealed = out_.extend(data.size());
    const Status status = with_key([&]() -> Status {
      COFFER_TRY(body_.apply(size_, data, sealed));
      mac_.update(out_.view().subspan(head_size));
      return Status::ok();
    });
    COFFER_TRY(write(status, file));
    size_ += data.size();
    return Status::ok();
  }
  Status sync_data(bool full, AppendFile& file) override {
    COFFER_TRY(sync_file(full, file));
    was_synced_ = true;
    return Status::ok();
  }
  Status finish(AppendFile& file) override {
    COFFER_TRY(write(Status::ok(), file));
    // What an earlier life left behind would look like bytes of this one.
    if (!recycled()) return Status::ok();
    COFFER_TRY(file.truncate(kEnvelopeSize + size_));
    was_cut(kEnvelopeSize + size_);
    return Status::ok();
  }
  Status after_close(AppendFile& file) override;

 private:
  Result<FileKey> unlock_again() override { return key_is_gone(); }
  Status restore_keys(const FileKey&) override { return key_is_gone(); }
  void drop_keys() override {
    file_key_ = {};
    body_.drop_key();
    mac_.drop_key();
  }

  const std::shared_ptr<Coffer> coffer_;
  RestingKey<FileRole> file_key_;
  Bytes envelope_;  // as it was written
  CtrBody body_;
  Gmac mac_;
  uint64_t size_ = 0;
  std::atomic<bool> was_synced_{false};
};

// Writes the body's MAC into the header, now that the file has its final size. Both slots: else damage to one would
// make of this body one that was never sealed. They are made from the header as it was written: what a rewrap has put
// there since is replaced as a whole, under the domain's active key.
Status CtrWriter::after_close(AppendFile& file) {
  FileKey file_key;
  std::array<uint8_t, kTagSize> mac{};
  COFFER_TRY(with_key([&]() -> Status {
    COFFER_ASSIGN(file_key, file_key_.open());
    mac = mac_.finish();
    return Status::ok();
  }));
  COFFER_ASSIGN(auto lock, coffer_->lock_envelopes());
  const KeyringUsePtr use = coffer_->keyring_uses().begin();
  std::array<SlotUpdate, 2> slots;
  for (SlotUpdate& slot : slots) {
    COFFER_ASSIGN(EnvelopeScan scan, scan_envelope(envelope_));
    COFFER_ASSIGN(slot, coffer_->close_ctr_body(scan, file_key, size_, mac));
    std::ranges::copy(slot.bytes, envelope_.begin() + static_cast<ptrdiff_t>(slot.offset));
  }
  COFFER_TRY(file.replace_slots(file_id(), slots, was_synced_));
  COFFER_ASSIGN(const EnvelopeScan now, scan_envelope(envelope_));
  is_under(now.fields.domain_key_id);
  return Status::ok();
}

class CtrFileBody final : public Body {
 public:
  Result<uint64_t> measure(const EnvelopeFields&, std::shared_ptr<const ReadableFile>,
                           uint64_t physical_size) const override {
    return std::max<uint64_t>(physical_size, kEnvelopeSize) - kEnvelopeSize;
  }
  bool proves_each_read() const override { return false; }
  Result<std::unique_ptr<FileWriter>> create(std::shared_ptr<Coffer> coffer, NewFile file, EngineRole) const override {
    COFFER_REQUIRE(file.fields.kind == Kind::kCtr, "a body is made as the kind that its header says");
    COFFER_ASSIGN(CtrBody body, CtrBody::create(file.file_key, file.fields.suite, file.fields.file_id));
    COFFER_ASSIGN(Gmac mac, ctr_body_mac(file.file_key, file.fields.file_id));
    COFFER_ASSIGN(const auto file_key, RestingKey<FileRole>::seal(file.file_key));
    return std::unique_ptr<FileWriter>(
        std::make_unique<CtrWriter>(std::move(coffer), file, file_key, std::move(body), std::move(mac)));
  }
  Result<ReopenedFile> reopen(OpenedFile opened, std::shared_ptr<const ReadableFile> file, uint64_t physical_size,
                              EngineRole role) const override {
    COFFER_ASSIGN(uint64_t size, measure(opened.fields, std::move(file), physical_size));
    return reopen_complete(opened.fields, size, role,
                           [](const EnvelopeFields&, uint64_t logical_size) { return kEnvelopeSize + logical_size; });
  }
  Result<OpenBody> open(const OpenedFile& opened, std::shared_ptr<const ReadableFile> file, uint64_t physical_size,
                        EngineRole) const override {
    COFFER_ASSIGN(OpenCtr body, OpenCtr::open(opened, std::move(file), physical_size));
    return OpenBody(std::move(body));
  }
};

}  // namespace

Result<OpenCtr> OpenCtr::open(const OpenedFile& opened, std::shared_ptr<const ReadableFile> file,
                              uint64_t physical_size) {
  const EnvelopeFields& fields = opened.fields;
  COFFER_REQUIRE(fields.kind == Kind::kCtr, "a body is opened as the kind that its header says");
  const uint64_t size = physical_size - kEnvelopeSize;
  if (fields.body_sealed && size != fields.body_size) {
    return {size < fields.body_size ? Code::kTruncated : Code::kTampered,
            "has " + std::to_string(size) + " bytes, but was closed with " + std::to_string(fields.body_size)};
  }
  const auto make = [suite = fields.suite, file_id = fields.file_id](const FileKey& file_key) {
    return CtrBody::create(file_key, suite, file_id);
  };
  COFFER_ASSIGN(CtrBody body, make(opened.file_key));
  return OpenCtr(std::make_unique<Held>(opened, std::move(file), std::move(body), make), fields.body_sealed, size);
}

Result<CtrProof> CtrProof::begin(const OpenedFile& opened) {
  COFFER_REQUIRE(opened.fields.body_sealed, "a ctr body is proved once it was closed");
  COFFER_ASSIGN(Gmac mac, ctr_body_mac(opened.file_key, opened.fields.file_id));
  return CtrProof(std::move(mac), opened.fields.body_mac);
}

Status CtrProof::finish() {
  if (equal_constant_time(mac_.finish(), expected_)) return Status::ok();
  return {Code::kTampered, "its body does not fit the MAC taken when it was closed"};
}

Status OpenCtr::prove(const ReadableFile& file, const OpenedFile& opened) const {
  COFFER_ASSIGN(CtrProof proof, CtrProof::begin(opened));
  Bytes piece;
  for (uint64_t offset = 0; offset < size_; offset += piece.size()) {
    piece.resize(std::min(kReadPieceSize, size_ - offset));
    COFFER_TRY(read_exactly(file, kEnvelopeSize + offset, piece));
    proof.add(piece);
  }
  return proof.finish();
}

const Body& ctr_body() {
  static const CtrFileBody body;
  return body;
}

}  // namespace coffer
