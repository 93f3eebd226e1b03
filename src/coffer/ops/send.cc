#include "coffer/ops/send.h"

#include "coffer/base/clock.h"
#include "coffer/base/path.h"
#include "coffer/crypto/random.h"
#include "coffer/files/file_head.h"
#include "coffer/ops/leaving.h"

namespace coffer {
namespace {

// One stream that is being made.
struct Outgoing {
  Id id;
  FileStreamKey key;

  static Result<Outgoing> begin(Coffer& coffer) {
    COFFER_TRY(coffer.live_keyring().refresh());
    COFFER_ASSIGN(const Id id, random_id());
    COFFER_ASSIGN(FileStreamKey key, FileStreamKey::create());
    return Outgoing{id, std::move(key)};
  }

  LeavingKeyOf key_of() const {
    return [this](const std::string&) -> Result<const FileStreamKey*> { return &key; };
  }

  Result<Bytes> beginning(FileStreamKind kind, const std::vector<StreamedFile>& files, const FileStreamNode& by,
                          const X25519Public& to) const {
    COFFER_ASSIGN(const Bytes manifest, write_stream_manifest(files));
    FileStreamHead head;
    head.kind = kind;
    head.id = id;
    head.receiver = to;
    head.made = now_seconds();
    return seal_file_stream(head, key, by, manifest);
  }
};

class Sender {
 public:
  Sender(Coffer& coffer, const Outgoing& outgoing, const SendOptions& options, StreamSink& sink)
      : disk_(coffer.disk()),
        outgoing_(outgoing),
        options_(options),
        sink_(sink),
        leaving_(coffer, options.records, outgoing.id, outgoing.key_of()) {}

  Status collect(const std::vector<std::string>& paths) {
    COFFER_TRY(leaving_.collect(paths, LeavingFiles::Stores::kStill));
    for (auto& [name, source] : leaving_.files()) {
      COFFER_TRY(leave_out(source));
      ++counts_.files;
      counts_.left_out += source.file.from;
      counts_.to_do += source.file.body_size - source.file.from;
    }
    return Status::ok();
  }

  Result<StreamCounts> run(const FileStreamNode& by, const X25519Public& to) {
    std::vector<StreamedFile> files;
    for (auto& [name, source] : leaving_.files()) files.push_back(std::move(source.file));
    COFFER_ASSIGN(const Bytes beginning, outgoing_.beginning(FileStreamKind::kFiles, files, by, to));
    COFFER_TRY(sink_.write(beginning));
    uint32_t number = 0;
    for (const auto& [name, source] : leaving_.files()) {
      COFFER_TRY(send(number, files[number], source.path));
      ++number;
    }
    COFFER_TRY(leaving_.check_unchanged());
    COFFER_ASSIGN(const Bytes end, outgoing_.key.end());
    COFFER_TRY(sink_.write(end));
    return counts_;
  }

 private:
  // What the receiver has need not go.
  Status leave_out(LeavingFile& source) const {
    if (source.file.empty) return Status::ok();
    const auto had = options_.had.find(source.fields.file_id);
    if (had == options_.had.end() || had->second.bytes > source.file.body_size) return Status::ok();
    COFFER_ASSIGN(const auto file, disk_.open_read(source.path));
    COFFER_ASSIGN(const Sha256 digest, digest_of_body(*file, had->second.bytes));
    if (digest != had->second.digest) return Status::ok();
    source.file.from = had->second.bytes;
    source.file.had = digest;
    return Status::ok();
  }

  Status send(uint32_t number, const StreamedFile& file, const std::string& path) {
    if (file.from == file.body_size) return Status::ok();
    COFFER_ASSIGN(const auto from, disk_.open_read(path));
    for (uint64_t at = file.from; at < file.body_size;) {
      const auto size = static_cast<uint32_t>(std::min<uint64_t>(kFileStreamChunkSize, file.body_size - at));
      const MutableBytes chunk = MutableBytes(chunk_).first(size);
      COFFER_ASSIGN(const size_t count, from->read_at(kEnvelopeSize + at, chunk));
      if (count < size) return changed_meanwhile(path);
      COFFER_ASSIGN(Gmac mac, outgoing_.key.chunk_mac(number, at, size));
      mac.update(chunk);
      COFFER_TRY(sink_.write_of_file(path, kEnvelopeSize + at, chunk));
      COFFER_TRY(sink_.write(mac.finish()));
      at += size;
      counts_.bytes += size;
      if (options_.progress) options_.progress(counts_);
    }
    return Status::ok();
  }

  Disk& disk_;
  const Outgoing& outgoing_;
  const SendOptions& options_;
  StreamSink& sink_;
  LeavingFiles leaving_;
  Bytes chunk_ = Bytes(kFileStreamChunkSize);
  StreamCounts counts_;
};

}  // namespace

Result<StreamCounts> send_files(Coffer& coffer, const std::vector<std::string>& paths, const FileStreamNode& by,
                                const X25519Public& to, const SendOptions& options, StreamSink& sink) {
  COFFER_ASSIGN(const Outgoing outgoing, Outgoing::begin(coffer));
  Sender sender(coffer, outgoing, options, sink);
  COFFER_TRY(sender.collect(paths));
  return sender.run(by, to);
}

Result<Bytes> envelope_for(Coffer& coffer, const std::string& path, const FileStreamNode& by, const X25519Public& to) {
  COFFER_ASSIGN(const Outgoing outgoing, Outgoing::begin(coffer));
  COFFER_ASSIGN(const auto file, coffer.disk().open_read(path));
  COFFER_ASSIGN(const FileHead head, read_head(*file, path));
  if (!head.is(FileHead::What::kCoffer)) {
    return head.refusal.is_ok() ? Status(Code::kTruncated, path + ": is empty, and has no header to send")
                                : head.refusal;
  }
  COFFER_ASSIGN(const FileInfo info, file->info());
  LeavingFiles leaving(coffer, nullptr, outgoing.id, outgoing.key_of());
  COFFER_ASSIGN(LeavingFile entry, leaving.look_at(path, head.scan, info));
  entry.file.name = base_name(path);
  return outgoing.beginning(FileStreamKind::kEnvelopes, {entry.file}, by, to);
}

}  // namespace coffer
