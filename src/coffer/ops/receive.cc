#include "coffer/ops/receive.h"

#include "coffer/base/path.h"
#include "coffer/files/counted_file.h"
#include "coffer/ops/arrival.h"

namespace coffer {
namespace {

Status read_all(const StreamSource& source, MutableBytes out) {
  COFFER_ASSIGN(const size_t count, source(out));
  if (count == out.size()) return Status::ok();
  return {Code::kTruncated, "the stream stops before its end: its sender has an error, or it was cut on its way; go on "
                            "with coffer receive --have and coffer send --resume"};
}

// What a stream says before its bodies, proved.
struct Beginning {
  FileStreamHead head;
  FileStreamKey key;
  std::vector<StreamedFile> files;
};

// T1: nothing is written here.
Result<Beginning> read_beginning(const StreamSource& source, FileStreamKind kind, const FileStreamNode& receiver,
                                 const TrustSender& trusts) {
  Bytes bytes(kFileStreamHeadSize);
  COFFER_ASSIGN(const size_t count, source(bytes));
  bytes.resize(count);
  COFFER_ASSIGN(const FileStreamHead head, read_file_stream_head(bytes));
  if (head.kind != kind) {
    return {Code::kUnsupported, kind == FileStreamKind::kFiles
                                    ? "the stream has headers alone, which a database asked for, and no files"
                                    : "the stream has whole files; coffer receive takes it"};
  }
  COFFER_ASSIGN(FileStreamKey key, open_file_stream_head(head, bytes, receiver));
  COFFER_TRY(trusts(head));
  Bytes rest(file_stream_rest_size(head));
  COFFER_TRY(read_all(source, rest));
  COFFER_ASSIGN(std::vector<StreamedFile> files, open_file_stream(head, bytes, rest, key));
  return Beginning{head, std::move(key), std::move(files)};
}

// Nobody knows what the names would have to be.
Status check_names_are_clear(const Coffer& coffer, const std::string& directory) {
  const std::shared_ptr<const Keyring> keys = coffer.keyring();
  const Place place = coffer.places().of_directory(*keys, directory);
  if (place.store == nullptr || !place.store->names_encrypted) return Status::ok();
  return {Code::kUnsupported, directory + ": is in a store with encrypted names, where only its mount makes files"};
}

class Receiver {
 public:
  Receiver(Coffer& coffer, std::string directory, const ReceiveOptions& options, const StreamSource& source,
           Beginning beginning, Arrival arrival)
      : coffer_(coffer),
        directory_(std::move(directory)),
        options_(options),
        source_(source),
        beginning_(std::move(beginning)),
        arrival_(std::move(arrival)) {}

  Result<StreamCounts> run() {
    COFFER_TRY(arrival_.check_had(beginning_.files));
    COFFER_TRY(arrival_.keep_only(beginning_.files));
    for (const StreamedFile& file : beginning_.files) {
      ++counts_.files;
      counts_.left_out += file.from;
      counts_.to_do += file.body_size - file.from;
    }
    for (uint32_t number = 0; number < beginning_.files.size(); ++number) {
      const StreamedFile& file = beginning_.files[number];
      COFFER_TRY(take(number, file).with_context(file.name));
    }
    COFFER_TRY(check_end());
    COFFER_TRY(arrival_.finish());
    COFFER_TRY(coffer_.stores().confirm(directory_));
    for (const StreamedFile& file : beginning_.files) {
      coffer_.file_counts().changed(std::nullopt, counted_at(coffer_, directory_ + "/" + file.name));
    }
    return counts_;
  }

 private:
  // The header of the file's own here.
  Result<NewFile> header_of(const StreamedFile& file) {
    const std::string path = directory_ + "/" + file.name;
    const std::string domain = options_.domain.empty() ? coffer_.places().domain_of(path) : options_.domain;
    COFFER_ASSIGN(const Id store,
                  coffer_.stores().store_for({.directory = directory_, .path = path, .domain = domain}));
    COFFER_ASSIGN(FileKey file_key, beginning_.key.unwrap(file));
    return coffer_.take_over(file.envelope.fields, std::move(file_key), domain, store);
  }

  Status take(uint32_t number, const StreamedFile& file) {
    COFFER_ASSIGN(const auto out, arrival_.open(file));
    if (!file.empty) {
      COFFER_ASSIGN(const NewFile made, header_of(file));
      COFFER_TRY(out->write_at(0, made.envelope));
      COFFER_TRY(take_body(number, file, *out));
    }
    return out->close();
  }

  Status take_body(uint32_t number, const StreamedFile& file, WritableFile& out) {
    for (uint64_t at = file.from; at < file.body_size;) {
      const auto size = static_cast<uint32_t>(std::min<uint64_t>(kFileStreamChunkSize, file.body_size - at));
      const MutableBytes bytes = MutableBytes(chunk_).first(size + kTagSize);
      COFFER_TRY(read_all(source_, bytes));
      const ByteView chunk = bytes.first(size);
      COFFER_ASSIGN(Gmac mac, beginning_.key.chunk_mac(number, at, size));
      mac.update(chunk);
      if (!equal_constant_time(mac.finish(), bytes.last(kTagSize))) {
        return {Code::kTampered, "the stream was altered on its way, at byte " + std::to_string(at) + " of this file"};
      }
      COFFER_TRY(out.write_at(kEnvelopeSize + at, chunk));
      if (size == kFileStreamChunkSize) COFFER_TRY(out.write_back(kEnvelopeSize + at, size, false));
      at += size;
      counts_.bytes += size;
      if (options_.progress) options_.progress(counts_);
    }
    return Status::ok();
  }

  // T5.
  Status check_end() {
    COFFER_ASSIGN(const Bytes expected, beginning_.key.end());
    Bytes end(expected.size());
    COFFER_TRY(read_all(source_, end));
    if (equal_constant_time(expected, end)) return Status::ok();
    return {Code::kTampered, "the stream's end was altered on its way"};
  }

  Coffer& coffer_;
  const std::string directory_;
  const ReceiveOptions& options_;
  const StreamSource& source_;
  const Beginning beginning_;
  Arrival arrival_;
  Bytes chunk_ = Bytes(kFileStreamChunkSize + kTagSize);
  StreamCounts counts_;
};

}  // namespace

Result<StreamCounts> receive_files(Coffer& coffer, const std::string& directory, const FileStreamNode& receiver,
                                   const ReceiveOptions& options, const StreamSource& source) {
  COFFER_TRY(coffer.at_home());
  COFFER_TRY(coffer.live_keyring().refresh());  // a node may have gone
  COFFER_ASSIGN(Beginning beginning, read_beginning(source, FileStreamKind::kFiles, receiver, options.trusts));
  std::string path = directory;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  COFFER_ASSIGN(const std::string parent, coffer.disk().canonical(std::string(parent_of(path))));
  const std::string place = (parent == "/" ? "" : parent) + "/" + std::string(base_name(path));
  COFFER_TRY(check_names_are_clear(coffer, place));
  // Whether there are keys to receive them under.
  const std::string domain = options.domain.empty() ? coffer.places().domain_of(place + "/file") : options.domain;
  COFFER_TRY(coffer.protecting_version(domain).status());
  COFFER_ASSIGN(Arrival arrival, Arrival::begin(coffer.disk(), place));
  auto done = Receiver(coffer, place, options, source, std::move(beginning), std::move(arrival)).run();
  // Without that it has its name.
  if (done.is_ok() || !coffer.disk().info(arrival_of(place)).is_ok()) return done;
  return done.status().with_context(directory + " is not whole, and what has come of it is in " + arrival_of(place));
}

Result<TakenOver> take_over_envelope(Coffer& coffer, ByteView envelope, const FileStreamNode& receiver,
                                     const TrustSender& trusts, const NewPlace& place) {
  const StreamSource source = [&](MutableBytes out) -> Result<size_t> {
    const size_t count = std::min(out.size(), envelope.size());
    std::ranges::copy(envelope.first(count), out.begin());
    envelope = envelope.subspan(count);
    return count;
  };
  COFFER_ASSIGN(const Beginning beginning, read_beginning(source, FileStreamKind::kEnvelopes, receiver, trusts));
  if (beginning.files.size() != 1 || beginning.files[0].empty) {
    return {Code::kTampered, "expected the header of one file, and this is none"};
  }
  const StreamedFile& file = beginning.files[0];
  COFFER_ASSIGN(const Id store, coffer.stores().store_for(place));
  COFFER_ASSIGN(FileKey file_key, beginning.key.unwrap(file));
  TakenOver out;
  COFFER_ASSIGN(out.file, coffer.take_over(file.envelope.fields, std::move(file_key), place.domain, store));
  out.body_size = file.body_size;
  return out;
}

}  // namespace coffer
