#include "coffer/ops/send.h"

#include "coffer/base/clock.h"
#include "coffer/base/path.h"
#include "coffer/crypto/random.h"
#include "coffer/files/condemned_keys.h"
#include "coffer/files/file_head.h"
#include "coffer/files/successor.h"
#include "coffer/ops/at_rest.h"
#include "coffer/ops/inventory.h"

namespace coffer {
namespace {

constexpr uint16_t kSentModeMask = 0777;

// One stream that is being made. What it is made of outlives it.
class Outgoing {
 public:
  static Result<Outgoing> begin(Coffer& coffer) {
    COFFER_TRY(coffer.live_keyring().refresh());
    COFFER_ASSIGN(const Id id, random_id());
    COFFER_ASSIGN(FileStreamKey key, FileStreamKey::create());
    return Outgoing(coffer, id, std::move(key));
  }

  const Id& id() const { return id_; }
  const FileStreamKey& key() const { return key_; }

  // The file at `path`, whose header is `scan`, as the stream has it.
  Result<StreamedFile> wrapped(const std::string& path, const EnvelopeScan& scan, const FileInfo& info) {
    COFFER_ASSIGN(const OpenedFile opened, coffer_.open_file(scan, path));
    COFFER_TRY(check(opened.fields).with_context(path));
    StreamedFile out;
    out.mode = static_cast<uint16_t>(info.mode & kSentModeMask);
    COFFER_ASSIGN(out.envelope, key_.wrap(id_, opened.fields, opened.file_key));
    out.body_size = info.size - kEnvelopeSize;
    return out;
  }

  Result<Bytes> beginning(FileStreamKind kind, const std::vector<StreamedFile>& files, const FileStreamNode& by,
                          const X25519Public& to) const {
    COFFER_ASSIGN(const Bytes manifest, write_stream_manifest(files));
    FileStreamHead head;
    head.kind = kind;
    head.id = id_;
    head.receiver = to;
    head.made = now_seconds();
    return seal_file_stream(head, key_, by, manifest);
  }

 private:
  Outgoing(Coffer& coffer, const Id& id, FileStreamKey key)
      : coffer_(coffer),
        id_(id),
        key_(std::move(key)),
        keys_(coffer.keyring()),
        compromised_(CondemnedKeys::due(*keys_, Policy{}, now_seconds())) {}

  Status check(const EnvelopeFields& fields) const {
    if (fields.kind == Kind::kDirectory) {
      return {Code::kUnsupported, "names in this store are encrypted, and go with their store only; copy it through "
                                  "its mount"};
    }
    if (fields.kind == Kind::kCtr && !fields.body_sealed) {
      return {Code::kUnsupported, "this ctr file was not closed, so nothing proves its contents; open the store once "
                                  "with its engine"};
    }
    const Domain* domain = keys_->find_key(fields.domain_key_id).domain;
    if (domain != nullptr && compromised_.ever_protected(fields, *domain)) {
      return {Code::kKeyUnavailable, "a key that was compromised has protected this file, and the receiver could not "
                                     "know; coffer reencrypt gives it another key"};
    }
    return Status::ok();
  }

  Coffer& coffer_;
  Id id_;
  FileStreamKey key_;
  std::shared_ptr<const Keyring> keys_;
  CondemnedKeys compromised_;
};

Status changed_meanwhile(const std::string& path) {
  return {Code::kConflict, path + ": has changed while it was sent, so the receiver takes nothing; send it at rest"};
}

bool is_same(const FileInfo& a, const FileInfo& b) {
  return a.inode == b.inode && a.device == b.device && a.size == b.size && a.modified_ns == b.modified_ns;
}

class Sender {
 public:
  Sender(Coffer& coffer, Outgoing outgoing, const SendOptions& options, StreamSink& sink)
      : disk_(coffer.disk()),
        coffer_(coffer),
        outgoing_(std::move(outgoing)),
        options_(options),
        sink_(sink),
        at_rest_(coffer, options.records) {}

  Status collect(const std::vector<std::string>& paths) {
    for (std::string path : paths) {
      while (path.size() > 1 && path.back() == '/') path.pop_back();
      COFFER_ASSIGN(const FileInfo info, disk_.info(path));
      const std::string name = paths.size() == 1 && info.is_directory ? "" : std::string(base_name(path));
      COFFER_TRY(visit_files(coffer_, {path}, [&](const InventoryFile& file) {
        return add(file, name + file.path.substr(path.size()));
      }));
    }
    if (sources_.empty()) return {Code::kNotFound, "there are no files to send"};
    return Status::ok();
  }

  Result<StreamCounts> run(const FileStreamNode& by, const X25519Public& to) {
    std::vector<StreamedFile> files;
    for (auto& [name, source] : sources_) files.push_back(std::move(source.file));
    COFFER_ASSIGN(const Bytes beginning, outgoing_.beginning(FileStreamKind::kFiles, files, by, to));
    COFFER_TRY(sink_.write(beginning));
    uint32_t number = 0;
    for (const auto& [name, source] : sources_) {
      COFFER_TRY(send(number, files[number], source));
      ++number;
    }
    for (const auto& [name, source] : sources_) COFFER_TRY(check_same(source));
    COFFER_ASSIGN(const Bytes end, outgoing_.key().end());
    COFFER_TRY(sink_.write(end));
    return counts_;
  }

 private:
  struct Source {
    std::string path;
    FileInfo info;
    StreamedFile file;
  };

  Status add(const InventoryFile& file, std::string name) {
    if (file.leads_outside) {
      return {Code::kUnsupported, file.path + ": is a link that leads out of what is sent; send what it leads to"};
    }
    if (is_successor(file.path)) return Status::ok();  // a crash left it: nobody's
    COFFER_TRY(file.status);
    COFFER_TRY(at_rest_.keep_out(file.path));
    if (name.starts_with('/')) name.erase(0, 1);
    Source source{file.path, file.info, {}};
    if (file.empty) {
      source.file.empty = true;
      source.file.mode = static_cast<uint16_t>(file.info.mode & kSentModeMask);
    } else {
      COFFER_ASSIGN(source.file, outgoing_.wrapped(file.path, file.scan, file.info));
      COFFER_TRY(look_at(source));
    }
    source.file.name = name;
    ++counts_.files;
    counts_.left_out += source.file.from;
    counts_.to_do += source.file.body_size - source.file.from;
    if (!sources_.emplace(name, std::move(source)).second) {
      return {Code::kInvalidArgument, file.path + ": another of the paths has a file of the same name, " + name};
    }
    return Status::ok();
  }

  // SQLite has no lock file; and what the receiver has need not go.
  Status look_at(Source& source) const {
    const EnvelopeFields& fields = source.file.envelope.fields;
    if (is_of_sqlite(fields.kind)) {
      COFFER_ASSIGN(const auto file, disk_.open_write(source.path));
      const Status alone = file->check_alone();
      if (alone.code() == Code::kBusy) return alone.with_context(source.path);
    }
    const auto had = options_.had.find(fields.file_id);
    if (had == options_.had.end() || had->second.bytes > source.file.body_size) return Status::ok();
    COFFER_ASSIGN(const auto file, disk_.open_read(source.path));
    COFFER_ASSIGN(const Sha256 digest, digest_of_body(*file, had->second.bytes));
    if (digest != had->second.digest) return Status::ok();
    source.file.from = had->second.bytes;
    source.file.had = digest;
    return Status::ok();
  }

  Status send(uint32_t number, const StreamedFile& file, const Source& source) {
    if (file.from == file.body_size) return Status::ok();
    COFFER_ASSIGN(const auto from, disk_.open_read(source.path));
    for (uint64_t at = file.from; at < file.body_size;) {
      const auto size = static_cast<uint32_t>(std::min<uint64_t>(kFileStreamChunkSize, file.body_size - at));
      const MutableBytes chunk = MutableBytes(chunk_).first(size);
      COFFER_ASSIGN(const size_t count, from->read_at(kEnvelopeSize + at, chunk));
      if (count < size) return changed_meanwhile(source.path);
      COFFER_ASSIGN(Gmac mac, outgoing_.key().chunk_mac(number, at, size));
      mac.update(chunk);
      COFFER_TRY(sink_.write_of_file(source.path, kEnvelopeSize + at, chunk));
      COFFER_TRY(sink_.write(mac.finish()));
      at += size;
      counts_.bytes += size;
      if (options_.progress) options_.progress(counts_);
    }
    return Status::ok();
  }

  Status check_same(const Source& source) const {
    COFFER_ASSIGN(const FileInfo now, disk_.info(source.path));
    return is_same(now, source.info) ? Status::ok() : changed_meanwhile(source.path);
  }

  Disk& disk_;
  Coffer& coffer_;
  Outgoing outgoing_;
  const SendOptions& options_;
  StreamSink& sink_;
  AtRest at_rest_;
  std::map<std::string, Source> sources_;  // by their names in the stream
  Bytes chunk_ = Bytes(kFileStreamChunkSize);
  StreamCounts counts_;
};

}  // namespace

Result<StreamCounts> send_files(Coffer& coffer, const std::vector<std::string>& paths, const FileStreamNode& by,
                                const X25519Public& to, const SendOptions& options, StreamSink& sink) {
  COFFER_ASSIGN(Outgoing outgoing, Outgoing::begin(coffer));
  Sender sender(coffer, std::move(outgoing), options, sink);
  COFFER_TRY(sender.collect(paths));
  return sender.run(by, to);
}

Result<Bytes> envelope_for(Coffer& coffer, const std::string& path, const FileStreamNode& by, const X25519Public& to) {
  COFFER_ASSIGN(Outgoing outgoing, Outgoing::begin(coffer));
  COFFER_ASSIGN(const auto file, coffer.disk().open_read(path));
  COFFER_ASSIGN(const FileHead head, read_head(*file, path));
  if (!head.is(FileHead::What::kCoffer)) {
    return head.refusal.is_ok() ? Status(Code::kTruncated, path + ": is empty, and has no header to send")
                                : head.refusal;
  }
  COFFER_ASSIGN(const FileInfo info, file->info());
  COFFER_ASSIGN(StreamedFile entry, outgoing.wrapped(path, head.scan, info));
  entry.name = base_name(path);
  return outgoing.beginning(FileStreamKind::kEnvelopes, {entry}, by, to);
}

}  // namespace coffer
