// The golden files: small files of every kind and suite with keys and salts that anybody knows. tests/golden/README.md.
#pragma once

#include <string>
#include <vector>

#include "coffer/format/envelope.h"

namespace coffer {

struct GoldenFile {
  std::string name;
  std::string note;
  DomainKey domain_key;
  FileKey file_key;
  EnvelopeFields fields;  // but for the sequence
  uint64_t sequence = 2;
  Bytes bytes;
  Bytes plaintext;
  Code error = Code::kOk;   // what opening it says
  bool closed = true;       // log: ends with a clean close; ctr: the body is sealed; pages: as close() leaves it
  uint64_t torn_bytes = 0;  // log
};

// The same in every run.
std::vector<GoldenFile> golden_files();
// Those of pages.
void add_golden_pages(std::vector<GoldenFile>& out);
// With an envelope, and no body yet.
GoldenFile start_golden(std::string name, std::string note, Kind kind, Suite suite, int chunk_log2 = 0);
// What says of each file what it is, for readers in other languages.
std::string golden_manifest(const std::vector<GoldenFile>& files);

}  // namespace coffer
