// A file that a program reads and writes by its callbacks, of each kind.
#pragma once

#include "bindings/c_fixture.h"

namespace coffer {

struct KindOfFile {
  const char* kind;
  coffer_role_t role;
  const char* yaml;
};

// The kinds by the roles and configurations that lead to them. One for each.
class CFileTest : public CFixture, public testing::WithParamInterface<KindOfFile> {
 protected:
  void SetUp() override {
    CFixture::SetUp();
    if (*GetParam().yaml == '\0') return;
    coffer_close(c_);
    configure("data_files", GetParam().yaml);
    c_ = open_c();
  }
  bool is(const char* kind) const { return std::string_view(GetParam().kind) == kind; }

  coffer_file_t* create(MemoryFile& memory, const char* domain = nullptr) {
    coffer_file_t* file = nullptr;
    const coffer_io_t io = memory.io();
    code_ = coffer_file_create(c_, path().c_str(), GetParam().role, domain, &io, &file, error_.out());
    return file;
  }
  coffer_file_t* open(MemoryFile& memory, const std::string& path) {
    coffer_file_t* file = nullptr;
    const coffer_io_t io = memory.io();
    code_ = coffer_file_open(c_, path.c_str(), GetParam().role, &io, &file, error_.out());
    return file;
  }
  coffer_file_t* open(MemoryFile& memory) { return open(memory, path()); }
  coffer_file_t* reopen(MemoryFile& memory) {
    coffer_file_t* file = nullptr;
    const coffer_io_t io = memory.io();
    code_ = coffer_file_reopen(c_, path().c_str(), GetParam().role, &io, &file, error_.out());
    return file;
  }
  std::string path() const { return db("file"); }

  void append(coffer_file_t* file, const std::string& text) {
    ASSERT_C_OK(error_, coffer_file_append(file, text.data(), text.size(), error_.out()));
  }
  void close(coffer_file_t* file) { ASSERT_C_OK(error_, coffer_file_close(file, error_.out())); }
  void write_file(MemoryFile& memory, const std::string& text, const char* domain = nullptr) {
    coffer_file_t* const file = create(memory, domain);
    ASSERT_NE(file, nullptr) << error_.text();
    for (size_t at = 0; at < text.size(); at += 1000) append(file, text.substr(at, 1000));
    close(file);
  }
  std::string read_all(coffer_file_t* file) {
    uint64_t size = 0;
    EXPECT_EQ(coffer_file_size(file, &size, error_.out()), COFFER_OK) << error_.text();
    std::string out(size + 10, '?');
    size_t done = 0;
    code_ = coffer_file_read_at(file, 0, out.data(), out.size(), &done, error_.out());
    EXPECT_EQ(done, code_ == COFFER_OK ? size : 0) << error_.text();
    out.resize(done);
    return out;
  }
  static std::string text_of(size_t size) {
    std::string out;
    while (out.size() < size) out += "contents " + std::to_string(out.size()) + ";";
    out.resize(size);
    return out;
  }

  coffer_code_t code_ = COFFER_OK;
  CError error_;
};

inline constexpr KindOfFile kBlocksFile{"blocks", COFFER_ROLE_DATA, ""};
inline constexpr KindOfFile kLogFile{"log", COFFER_ROLE_LOG, ""};
inline constexpr KindOfFile kCtrFile{"ctr", COFFER_ROLE_DATA, "data_files: ctr"};

inline std::string name_of(const testing::TestParamInfo<KindOfFile>& each) { return each.param.kind; }

}  // namespace coffer
