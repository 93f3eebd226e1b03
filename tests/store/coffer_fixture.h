// A temporary directory with key files, a coffer and files of every kind written through its public interface.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "coffer/files/pages_file.h"
#include "coffer/format/blocks.h"
#include "coffer/format/ctr.h"
#include "coffer/format/log.h"
#include "coffer/format/sqlite_page.h"
#include "coffer/providers/registry.h"
#include "coffer/store/coffer.h"

namespace coffer {

#define ASSERT_OK(expr)                                   \
  do {                                                    \
    auto&& checked = (expr);                              \
    ASSERT_TRUE(checked.is_ok()) << status_text(checked); \
  } while (false)

inline std::string status_text(const Status& status) { return status.to_string(); }
template <class T>
std::string status_text(const Result<T>& result) {
  return result.status().to_string();
}

class CofferFixture : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "coffer_store_XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    write_key_file("root.key", 'k');
    write_key_file("other.key", 'o');
    ASSERT_OK(Coffer::create(disk(), coffer_path(), {.root_uri = key_uri("root.key"), .config = {}}, open_provider));
    std::filesystem::create_directory(root_ + "/db");
    coffer_ = open_coffer();
    ASSERT_NE(coffer_, nullptr);
  }
  void TearDown() override {
    // It still writes when it goes, to a disk that a derived fixture may have.
    coffer_.reset();
    std::filesystem::remove_all(root_);
  }

  static Disk& disk() { return Disk::posix(); }
  std::string coffer_path() const { return root_ + "/coffer"; }
  std::string db(const std::string& name) const { return root_ + "/db/" + name; }
  std::string key_uri(const std::string& name) const { return "file://" + root_ + "/" + name; }

  void write_key_file(const std::string& name, char fill) {
    // Bytes no text has: a file that looks like encoded text is refused.
    write(root_ + "/" + name, std::string(64, static_cast<char>(fill | 0x80)));
    chmod((root_ + "/" + name).c_str(), 0600);
  }
  static void write(const std::string& path, const std::string& contents) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << contents;
  }
  static std::string read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  std::shared_ptr<Coffer> open_coffer(const std::string& root_uri = {}) {
    auto coffer = Coffer::open(disk(), coffer_path(), {.root_uri = root_uri}, open_provider);
    EXPECT_TRUE(coffer.is_ok()) << status_text(coffer);
    return coffer.is_ok() ? *coffer : nullptr;
  }

  // The bytes of a complete file of this kind.
  std::string sealed_file(Kind kind, const std::string& plaintext, std::string_view domain = kSystemDomain) {
    auto store = coffer_->stores().store_for(
        {.directory = root_ + "/db", .confirms = true, .path = root_ + "/db/file", .domain = domain});
    EXPECT_TRUE(store.is_ok()) << status_text(store);
    NewFileRequest request{.kind = kind, .domain = domain, .store_id = *store};
    if (kind == Kind::kBlocks) request.chunk_log2 = 12;
    if (kind == Kind::kCtr) request.suite = Suite::kAes256Ctr;
    if (kind == Kind::kPages) request.suite = Suite::kXaes256Gcm, request.chunk_log2 = 12;
    if (kind == Kind::kSqlite) request.suite = Suite::kXaes256Gcm;
    auto file = coffer_->new_file(request);
    EXPECT_TRUE(file.is_ok()) << status_text(file);
    if (kind == Kind::kPages) return seal_pages(*file, plaintext);
    Buffer out;
    out.append(file->envelope);
    if (kind == Kind::kBlocks) seal_blocks(*file, plaintext, out);
    if (kind == Kind::kLog) seal_log(*file, plaintext, out);
    if (kind == Kind::kCtr) seal_ctr(*file, plaintext, out);
    if (kind == Kind::kSqlite) seal_sqlite(*file, plaintext, out);
    return std::string(as_text(out.view()));
  }

  static void seal_blocks(const NewFile& file, const std::string& plaintext, Buffer& out) {
    auto sealer = BlocksSealer::create(file.file_key, {file.fields.suite, file.fields.chunk_log2, file.fields.file_id});
    ASSERT_OK(sealer);
    ASSERT_OK(sealer->append(as_bytes(plaintext), out));
    ASSERT_OK(sealer->finish(out));
  }

  static void seal_log(const NewFile& file, const std::string& plaintext, Buffer& out) {
    auto sealer = LogSealer::create(file.file_key, {file.fields.suite, file.fields.file_id},
                                    {.session = 0, .offset = kEnvelopeSize, .logical_offset = 0});
    ASSERT_OK(sealer);
    for (size_t at = 0; at < plaintext.size(); at += 1000) {
      ASSERT_OK(sealer->append(as_bytes(plaintext).subspan(at, std::min<size_t>(1000, plaintext.size() - at)),
                               at == 0 ? 0 : sealer->offset(), out));
    }
    ASSERT_OK(sealer->close(sealer->offset(), out));
  }

  // What SQLite takes for a database of so many pages, each of 1024 bytes.
  static std::string database_text(size_t pages) {
    std::string out(pages * kSqlitePageSizeMin, 'q');
    for (size_t end = kSqlitePageSizeMin; end <= out.size(); end += kSqlitePageSizeMin) {
      out.replace(end - kSqliteReserve, kSqliteReserve, kSqliteReserve, '\0');
    }
    const std::string head("SQLite format 3\0\4\0\1\1\x30\x40\x20\x20\0\0\0\7\0\0\0", 31);
    out.replace(0, head.size(), head);
    out[head.size()] = static_cast<char>(pages);
    out.replace(92, 4, std::string("\0\0\0\7", 4));
    return out;
  }

  static void seal_sqlite(const NewFile& file, const std::string& plaintext, Buffer& out) {
    const auto key = SqliteKey::create(file.file_key, file.fields.file_id);
    ASSERT_OK(key);
    auto sealing = SqliteSealing::begin(*key);
    ASSERT_OK(sealing);
    for (uint32_t number = 1; out.size() < kEnvelopeSize + plaintext.size(); ++number) {
      const ByteView page = as_bytes(plaintext).subspan(out.size() - kEnvelopeSize, kSqlitePageSizeMin);
      ASSERT_OK(seal_sqlite_page(*sealing, {file.fields.file_id, number}, page, out.extend(page.size())));
    }
  }

  // It is changed in place, so it needs a disk.
  std::string seal_pages(const NewFile& file, const std::string& plaintext) {
    const std::string path = root_ + "/pages";
    auto made = disk().create(path, 0600);
    EXPECT_TRUE(made.is_ok()) << status_text(made);
    auto pages = PagesFile::create(file, std::move(*made));
    EXPECT_TRUE(pages.is_ok()) << status_text(pages);
    EXPECT_TRUE((*pages)->write(0, as_bytes(plaintext)).is_ok());
    EXPECT_TRUE((*pages)->sync().is_ok());
    EXPECT_TRUE((*pages)->close().is_ok());
    std::string out = read(path);
    std::filesystem::remove(path);
    return out;
  }

  void seal_ctr(const NewFile& file, const std::string& plaintext, Buffer& out) {
    auto body = CtrBody::create(file.file_key, file.fields.suite, file.fields.file_id);
    ASSERT_OK(body);
    uint8_t* sealed = out.extend(plaintext.size());
    ASSERT_OK(body->apply(0, as_bytes(plaintext), sealed));
    auto mac = ctr_body_mac(file.file_key, file.fields.file_id);
    ASSERT_OK(mac);
    mac->update({sealed, plaintext.size()});
    EnvelopeFields closed = file.fields;
    closed.body_sealed = true;
    closed.body_size = plaintext.size();
    closed.body_mac = mac->finish();
    auto scan = scan_envelope(out.view().first(kEnvelopeSize));
    ASSERT_OK(scan);
    auto keyring = coffer_->keyring();
    const DomainKey domain_key = keyring->open_key(keyring->find_key(closed.domain_key_id)).value();
    auto update = seal_slot_update(*scan, closed, domain_key, file.file_key);
    ASSERT_OK(update);
    std::copy(update->bytes.begin(), update->bytes.end(), out.data() + update->offset);
  }

  std::string root_;
  std::shared_ptr<Coffer> coffer_;
};

}  // namespace coffer
