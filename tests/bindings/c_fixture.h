// A coffer opened by the C library, and by C++ beside it, as another program has it; and a program's file in memory.
#pragma once

#include "coffer/base/clock.h"
#include "coffer/bindings/c/handles.h"
#include "coffer/ops/keys.h"
#include "store/coffer_fixture.h"
#include "support/comes.h"
#include "support/forked_child.h"

namespace coffer {

// An error and its message, freed.
struct CError {
  coffer_error_t* error = nullptr;

  CError() = default;
  CError(const CError&) = delete;
  CError& operator=(const CError&) = delete;
  ~CError() { coffer_error_free(error); }

  coffer_error_t** out() {
    coffer_error_free(error);
    error = nullptr;
    return &error;
  }
  std::string text() const { return coffer_error_message(error); }
};

#define ASSERT_C_OK(error, call) ASSERT_EQ(call, COFFER_OK) << (error).text()

// What a program's callbacks work on. The call that makes `calls_left` 0 and all after it fail.
struct MemoryFile {
  std::string bytes;
  std::string synced;
  int calls_left = 1'000'000'000;
  int calls = 0;
  coffer_code_t failure = COFFER_NO_SPACE;
  bool may_have_gaps = false;
  std::mutex mutex;

  coffer_io_t io() { return {sizeof(coffer_io_t), this, read, write, sync, truncate, size}; }

 private:
  static MemoryFile& of(void* user) { return *static_cast<MemoryFile*>(user); }
  template <class Do>
  static coffer_code_t called(void* user, const Do& act) {
    MemoryFile& file = of(user);
    const std::lock_guard lock(file.mutex);
    ++file.calls;
    if (--file.calls_left <= 0) return file.failure;
    act(file);
    return COFFER_OK;
  }
  static coffer_code_t read(void* user, uint64_t offset, void* out, size_t size, size_t* done) {
    return called(user, [&](MemoryFile& file) {
      const size_t begin = std::min<uint64_t>(offset, file.bytes.size());
      *done = file.bytes.copy(static_cast<char*>(out), size, begin);
    });
  }
  static coffer_code_t write(void* user, uint64_t offset, const void* data, size_t size) {
    return called(user, [&](MemoryFile& file) {
      EXPECT_TRUE(file.may_have_gaps || offset <= file.bytes.size()) << "a gap";
      file.bytes.resize(std::max<size_t>(file.bytes.size(), offset + size));
      std::memcpy(file.bytes.data() + offset, data, size);
    });
  }
  static coffer_code_t sync(void* user) {
    return called(user, [](MemoryFile& file) { file.synced = file.bytes; });
  }
  static coffer_code_t truncate(void* user, uint64_t size) {
    return called(user, [&](MemoryFile& file) { file.bytes.resize(size); });
  }
  static coffer_code_t size(void* user, uint64_t* size) {
    return called(user, [&](MemoryFile& file) { *size = file.bytes.size(); });
  }
};

class CFixture : public CofferFixture {
 protected:
  void SetUp() override {
    CofferFixture::SetUp();
    // Of now: what is old is rotated by the policy.
    ASSERT_OK(coffer_->live_keyring().update(
        [](Keyring& keyring) { return keyring.add_domain("tenant", now_seconds()); }));
    c_ = open_c();
    ASSERT_NE(c_, nullptr);
  }
  void TearDown() override {
    coffer_close(c_);
    CofferFixture::TearDown();
  }

  coffer_t* open_c(const std::string& place = {}) {
    coffer_t* out = nullptr;
    CError error;
    EXPECT_EQ(coffer_open(place.empty() ? coffer_path().c_str() : place.c_str(), nullptr, &out, error.out()), COFFER_OK)
        << error.text();
    return out;
  }
  // `line` takes the place of the one in coffer.yaml that is about `option`, or comes at its end.
  void configure(const std::string& option, const std::string& line) {
    const std::string path = coffer_path() + "/coffer.yaml";
    std::string yaml = read(path);
    if (const size_t at = yaml.find("\n" + option + ":"); at != std::string::npos) {
      yaml.erase(at + 1, yaml.find('\n', at + 1) - at);
    }
    write(path, yaml + line + "\n");
  }
  std::string sealed(coffer_t* coffer, const std::string& message, const std::string& context = "place",
                     const char* domain = "tenant") {
    std::string blob(message.size() + COFFER_BLOB_OVERHEAD, '?');
    CError error;
    EXPECT_EQ(coffer_seal(coffer, domain, context.data(), context.size(), message.data(), message.size(), blob.data(),
                          blob.size(), error.out()),
              COFFER_OK)
        << error.text();
    return blob;
  }
  // Of a blob that may be anything; `message` is what came of it.
  static coffer_code_t unseal(coffer_t* coffer, const std::string& blob, std::string* message, CError* error,
                              const std::string& context = "place") {
    message->assign(blob.size(), '?');
    const coffer_code_t code = coffer_unseal(coffer, context.data(), context.size(), blob.data(), blob.size(),
                                             message->data(), message->size(), error->out());
    uint64_t size = 0;
    if (code == COFFER_OK) {
      EXPECT_EQ(coffer_blob_inspect(blob.data(), blob.size(), &size, nullptr, nullptr, nullptr), 0);
    }
    message->resize(size);
    return code;
  }
  static coffer_code_t code_of(coffer_t* coffer, const std::string& blob, const std::string& context = "place") {
    std::string message;
    CError error;
    return unseal(coffer, blob, &message, &error, context);
  }

  coffer_t* c_ = nullptr;
};

}  // namespace coffer
