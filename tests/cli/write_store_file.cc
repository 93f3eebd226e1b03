// Writes one file of a store, as an engine would, from standard input. A tool of the tests of the command line, so that
// they know every byte that `coffer cat` must return.
//
//   write_store_file COFFER PATH blocks|log|ctr|pages [--domain NAME] [--chunk-log2 N] [--pieces N] [--unclosed]
//
// --pieces: a log of that many frames; --unclosed: as a crash leaves it, without its end (log) or MAC (ctr), or with
// what was written last in its journal (pages).
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "coffer/files/pages_file.h"
#include "coffer/format/blocks.h"
#include "coffer/format/ctr.h"
#include "coffer/format/log.h"
#include "coffer/providers/registry.h"
#include "coffer/store/coffer.h"

namespace coffer {
namespace {

struct Request {
  std::string coffer;
  std::string path;
  std::string kind;
  std::string domain = "system";
  int chunk_log2 = 12;
  size_t pieces = 1;
  bool unclosed = false;
};

int number(const std::string& text) {
  int out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

Request parse(int argc, char** argv) {
  Request request;
  std::vector<std::string> words(argv + 1, argv + argc);
  request.coffer = words.at(0);
  request.path = words.at(1);
  request.kind = words.at(2);
  for (size_t i = 3; i < words.size(); ++i) {
    if (words[i] == "--unclosed") request.unclosed = true;
    if (words[i] == "--domain") request.domain = words.at(++i);
    if (words[i] == "--chunk-log2") request.chunk_log2 = number(words.at(++i));
    if (words[i] == "--pieces") request.pieces = static_cast<size_t>(number(words.at(++i)));
  }
  return request;
}

Status seal_blocks(const NewFile& file, ByteView plaintext, Buffer& out) {
  const BlocksParams params{file.fields.suite, file.fields.chunk_log2, file.fields.file_id};
  COFFER_ASSIGN(BlocksSealer sealer, BlocksSealer::create(file.file_key, params));
  COFFER_TRY(sealer.append(plaintext, out));
  return sealer.finish(out);
}

Status seal_log(const NewFile& file, ByteView plaintext, const Request& request, Buffer& out) {
  const LogParams params{file.fields.suite, file.fields.file_id};
  COFFER_ASSIGN(LogSealer sealer, LogSealer::create(file.file_key, params, LogPosition{0, kEnvelopeSize, 0}));
  const size_t piece = std::max<size_t>(1, plaintext.size() / request.pieces);
  for (size_t begin = 0; begin < plaintext.size(); begin += piece) {
    // Each piece is known to be durable when the next one is written.
    COFFER_TRY(
        sealer.append(plaintext.subspan(begin, std::min(piece, plaintext.size() - begin)), sealer.offset(), out));
  }
  return request.unclosed ? Status::ok() : sealer.close(sealer.offset(), out);
}

Status seal_ctr(NewFile& file, ByteView plaintext, const Request& request, const DomainKey& key, Buffer& out) {
  COFFER_ASSIGN(CtrBody body, CtrBody::create(file.file_key, file.fields.suite, file.fields.file_id));
  COFFER_TRY(body.apply(0, plaintext, out.extend(plaintext.size())));
  if (request.unclosed) return Status::ok();
  COFFER_ASSIGN(Gmac mac, ctr_body_mac(file.file_key, file.fields.file_id));
  mac.update(out.view());
  file.fields.body_sealed = true;
  file.fields.body_size = out.size();
  file.fields.body_mac = mac.finish();
  return seal_envelope(file.fields, key, file.file_key, file.envelope);
}

Kind kind_of(const std::string& name) {
  for (const Kind kind : {Kind::kLog, Kind::kCtr, Kind::kPages}) {
    if (kind_name(kind) == name) return kind;
  }
  return Kind::kBlocks;
}

// Its first bytes are written twice, and the file is left with them in its journal where it is not closed.
Status write_pages(const NewFile& header, const std::string& path, ByteView plaintext, bool unclosed) {
  Disk& disk = Disk::posix();
  if (Status gone = disk.remove(path); gone.code() != Code::kNotFound) COFFER_TRY(gone);
  COFFER_ASSIGN(auto made, disk.create(path, 0600));
  COFFER_ASSIGN(const auto file, PagesFile::create(header, std::move(made), {.room_to_grow = 4 << 10}));
  const size_t twice = std::min<size_t>(plaintext.size(), 100);
  COFFER_TRY(file->write(0, Bytes(twice, 0)));
  COFFER_TRY(file->write(twice, plaintext.subspan(twice)));
  COFFER_TRY(file->sync());
  COFFER_TRY(file->write(0, plaintext.first(twice)));
  COFFER_TRY(file->sync());
  return unclosed ? Status::ok() : file->close();
}

Status write_store_file(const Request& request) {
  COFFER_ASSIGN(auto coffer, Coffer::open(Disk::posix(), request.coffer, {}, open_provider));
  const std::filesystem::path path = std::filesystem::absolute(request.path);
  NewFileRequest wanted;
  wanted.domain = request.domain;
  wanted.kind = kind_of(request.kind);
  wanted.suite = coffer->config().suite_of(wanted.kind, request.domain);
  if (wanted.kind == Kind::kBlocks || wanted.kind == Kind::kPages) wanted.chunk_log2 = request.chunk_log2;
  COFFER_ASSIGN(wanted.store_id, coffer->stores().store_for({.directory = path.parent_path().string(),
                                                             .joins_database = true,
                                                             .confirms = true,
                                                             .path = path.string(),
                                                             .domain = request.domain}));
  COFFER_ASSIGN(NewFile file, coffer->new_file(wanted));

  const std::string input(std::istreambuf_iterator<char>(std::cin), {});
  if (wanted.kind == Kind::kPages) return write_pages(file, path.string(), as_bytes(input), request.unclosed);
  const auto keyring = coffer->keyring();
  const DomainKey key = keyring->open_key(keyring->find_key(file.fields.domain_key_id)).value();
  Buffer body;
  if (wanted.kind == Kind::kBlocks) COFFER_TRY(seal_blocks(file, as_bytes(input), body));
  if (wanted.kind == Kind::kLog) COFFER_TRY(seal_log(file, as_bytes(input), request, body));
  if (wanted.kind == Kind::kCtr) COFFER_TRY(seal_ctr(file, as_bytes(input), request, key, body));

  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << as_text(file.envelope) << as_text(body.view());
  out.close();
  return out ? Status::ok() : Status(Code::kIo, path.string() + ": cannot write");
}

}  // namespace
}  // namespace coffer

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: write_store_file COFFER PATH blocks|log|ctr|pages [OPTION...]\n";
    return 2;
  }
  const coffer::Status status = coffer::write_store_file(coffer::parse(argc, argv));
  if (!status.is_ok()) std::cerr << status.to_string() << "\n";
  return status.is_ok() ? 0 : 2;
}
