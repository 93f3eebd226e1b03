// Opens a whole file of any kind from memory, envelope to end, as strictly as a tool would.
#pragma once

#include "coffer/crypto/kdf.h"
#include "coffer/files/pages_body.h"
#include "coffer/format/directory_names.h"
#include "format/log_sample.h"

namespace coffer {

struct WholeFile {
  EnvelopeFields fields;
  Bytes plaintext;
  bool closed = true;       // log: ends with a clean close; ctr: its body is sealed
  uint64_t torn_bytes = 0;  // log
};

inline Status read_whole_ctr(const FileKey& file_key, ByteView body, WholeFile& out) {
  const EnvelopeFields& fields = out.fields;
  if (fields.body_sealed) {
    if (body.size() < fields.body_size) return {Code::kTruncated, "shorter than when it was closed"};
    if (body.size() > fields.body_size) return {Code::kTampered, "longer than when it was closed"};
    COFFER_ASSIGN(Gmac mac, ctr_body_mac(file_key, fields.file_id));
    mac.update(body);
    if (!equal_constant_time(mac.finish(), fields.body_mac)) return {Code::kTampered, "the MAC does not fit"};
  }
  COFFER_ASSIGN(CtrBody stream, CtrBody::create(file_key, fields.suite, fields.file_id));
  out.plaintext.resize(body.size());
  out.closed = fields.body_sealed;
  return stream.apply(0, body, out.plaintext.data());
}

inline Result<Bytes> read_pages_body(const EnvelopeFields& fields, const FileKey& file_key, const Bytes& file) {
  COFFER_ASSIGN(OpenPages pages, OpenPages::open({fields, file_key.clone()}, std::make_shared<ChangingFile>(file)));
  COFFER_ASSIGN(const uint64_t size, pages.logical_size());
  Bytes out(size);
  COFFER_TRY(pages.read(0, out).status());
  return out;
}

inline Result<WholeFile> read_whole_file(const Bytes& file, const DomainKey& domain_key) {
  COFFER_ASSIGN(EnvelopeScan scan, scan_envelope(file));
  if (scan.current < 0) return {Code::kNotFound, "never written"};
  COFFER_ASSIGN(FileKey file_key, open_envelope(scan, domain_key));
  WholeFile out;
  out.fields = scan.fields;
  switch (scan.fields.kind) {
    case Kind::kBlocks: {
      BlocksParams params{scan.fields.suite, scan.fields.chunk_log2, scan.fields.file_id};
      COFFER_ASSIGN(out.plaintext, read_blocks_body(file_key, params, file));
      break;
    }
    case Kind::kLog: {
      LogParams params{scan.fields.suite, scan.fields.file_id, scan.fields.earlier_body};
      COFFER_ASSIGN(LogContents contents, read_log_body(file_key, params, file));
      out.plaintext = std::move(contents.plaintext);
      out.closed = contents.end.closed;
      out.torn_bytes = contents.end.torn_bytes;
      break;
    }
    case Kind::kPages: {
      COFFER_ASSIGN(out.plaintext, read_pages_body(scan.fields, file_key, file));
      break;
    }
    case Kind::kCtr: COFFER_TRY(read_whole_ctr(file_key, ByteView(file).subspan(kEnvelopeSize), out)); break;
    case Kind::kSqlite:
    case Kind::kSqliteJournal:
    case Kind::kSqliteWal: return {Code::kUnsupported, "tests/sqlite reads files of SQLite"};
    case Kind::kDirectory: {
      COFFER_TRY(DirectoryKey::create(file_key, scan.fields.file_id, ByteView(file).subspan(kEnvelopeSize)).status());
      break;
    }
  }
  return out;
}

}  // namespace coffer
