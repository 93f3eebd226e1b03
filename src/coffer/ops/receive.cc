#include "coffer/ops/receive.h"

#include "coffer/ops/new_store.h"

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

class Receiver {
 public:
  Receiver(const ReceiveOptions& options, const StreamSource& source, Beginning beginning, NewStore store)
      : options_(options), source_(source), beginning_(std::move(beginning)), store_(std::move(store)) {}

  Result<StreamCounts> run() {
    COFFER_TRY(store_.arrival().check_had(beginning_.files));
    COFFER_TRY(store_.arrival().keep_only(beginning_.files));
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
    COFFER_TRY(store_.finish(beginning_.files));
    return counts_;
  }

 private:
  Status take(uint32_t number, const StreamedFile& file) {
    COFFER_ASSIGN(const auto out, store_.open(file, beginning_.key, options_.domain));
    if (!file.empty) COFFER_TRY(take_body(number, file, *out));
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

  const ReceiveOptions& options_;
  const StreamSource& source_;
  const Beginning beginning_;
  NewStore store_;
  Bytes chunk_ = Bytes(kFileStreamChunkSize + kTagSize);
  StreamCounts counts_;
};

}  // namespace

Result<StreamCounts> receive_files(Coffer& coffer, const std::string& directory, const FileStreamNode& receiver,
                                   const ReceiveOptions& options, const StreamSource& source) {
  COFFER_TRY(coffer.at_home());
  COFFER_TRY(coffer.live_keyring().refresh());  // a node may have gone
  COFFER_ASSIGN(Beginning beginning, read_beginning(source, FileStreamKind::kFiles, receiver, options.trusts));
  COFFER_ASSIGN(const std::string place, NewStore::place_of(coffer, directory));
  // Whether there are keys to receive them under.
  const std::string domain = options.domain.empty() ? coffer.places().domain_of(place + "/file") : options.domain;
  COFFER_TRY(coffer.protecting_version(domain).status());
  COFFER_ASSIGN(NewStore store, NewStore::begin(coffer, place));
  auto done = Receiver(options, source, std::move(beginning), std::move(store)).run();
  return done.is_ok() ? std::move(done) : Result<StreamCounts>(NewStore::explained(coffer, place, done.status()));
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
