// What tests of re-encryption ask of a coffer.
#pragma once

#include "coffer/files/file_reader.h"
#include "coffer/files/successor.h"
#include "coffer/ops/reencrypt.h"
#include "coffer_fixture.h"

namespace coffer {

using Contents = std::map<std::string, std::string>;  // plaintext by name

inline std::string read_plain(Coffer& coffer, const std::string& path) {
  auto reader = FileReader::open(coffer, path);
  if (!reader.is_ok()) return status_text(reader);
  std::string out;
  for (;;) {
    auto piece = (*reader)->next();
    if (!piece.is_ok()) return status_text(piece);
    if (piece->empty()) return out;
    out += as_text(*piece);
  }
}

inline EnvelopeFields fields_of(Coffer& coffer, const std::string& path) {
  auto reader = FileReader::open(coffer, path);
  EXPECT_TRUE(reader.is_ok()) << status_text(reader);
  return reader.is_ok() ? (*reader)->fields() : EnvelopeFields();
}

inline void rotate(Coffer& coffer) {
  ASSERT_OK(coffer.live_keyring().update([](Keyring& keyring) { return keyring.rotate_domain(kSystemDomain, 1000); }));
}

inline Result<ReencryptReport> run(Coffer& coffer, const ReencryptOptions& options = {}) {
  return reencrypt(coffer, {}, options, nullptr);
}

inline std::vector<std::string> leftovers(Coffer& coffer) {
  std::vector<std::string> out;
  EXPECT_TRUE(visit_files(coffer, {}, [&](const InventoryFile& file) {
                if (is_successor(file.path)) out.push_back(file.path);
                return Status::ok();
              }).is_ok());
  return out;
}

}  // namespace coffer
