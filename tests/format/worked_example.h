// What the worked examples of docs/format.md are made of, and that the page shows them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "coffer/crypto/kdf.h"
#include "coffer/format/key_schedule.h"
#include "coffer_test_paths.h"
#include "format/known_salt.h"
#include "format/whole_file.h"

namespace coffer {

// count bytes, the first of them `first` and each one more than the one before.
inline Bytes counting(size_t count, uint8_t first) {
  Bytes out(count);
  for (uint8_t& byte : out) byte = first++;
  return out;
}
inline Id counting_id(uint8_t first) {
  Id id;
  std::ranges::copy(counting(16, first), id.bytes.begin());
  return id;
}

// The page's text: "name  hexadecimal", continued on lines of their own, and dumps of bytes.
class ExampleText {
 public:
  void line(const std::string& text) { out_ << text << "\n"; }
  void value(const std::string& name, ByteView bytes) {
    for (size_t at = 0; at == 0 || at < bytes.size(); at += 32) {
      std::string label = at == 0 ? name : std::string();
      label.resize(18, ' ');
      line(label + to_hex(bytes.subspan(at, std::min<size_t>(32, bytes.size() - at))));
    }
  }
  // 16 bytes a line with their offset in the file; lines of zeros only are left out.
  void dump(ByteView bytes, size_t offset) {
    bool left_out = false;
    for (size_t at = 0; at < bytes.size(); at += 16) {
      ByteView row = bytes.subspan(at, std::min<size_t>(16, bytes.size() - at));
      bool zeros = row.size() == 16 && std::ranges::all_of(row, [](uint8_t byte) { return byte == 0; });
      if (zeros && !left_out) line("      *");
      left_out = zeros;
      if (!zeros) this->row(row, offset + at);
    }
  }
  void row(ByteView row, size_t offset) {
    std::string text = std::to_string(offset);
    text.insert(0, text.size() < 5 ? 5 - text.size() : 0, ' ');
    text += " ";
    for (uint8_t byte : row) text += " " + to_hex({&byte, 1});
    line(text);
  }
  std::string str() const { return out_.str(); }

 private:
  std::ostringstream out_;
};

inline void expect_on_page(const ExampleText& text) {
  std::ifstream in(std::string(COFFER_SOURCE_DIR "/docs/format.md"));
  std::string page{std::istreambuf_iterator<char>(in), {}};
  std::string expected = "```text\n" + text.str() + "```\n";
  EXPECT_NE(page.find(expected), std::string::npos) << "docs/format.md should have\n" << expected;
}

// The file of section 3, and its keys.
class WorkedExample : public testing::Test {
 protected:
  WorkedExample() {
    fields_.suite = Suite::kAes256Gcm;
    fields_.file_id = counting_id(0x10);
    fields_.store_id = counting_id(0x40);
    const Bytes tag = {0x8c, 0xbd};  // as in section 7
    fields_.domain_key_id.bytes = {tag[0], tag[1]};
    std::ranges::copy(derive(domain_key_.reveal(), "domain key id", tag, 14)->reveal(),
                      fields_.domain_key_id.bytes.begin() + 2);
    fields_.domain_key_version = 1;
    fields_.keyring_version = 1;
  }

  Bytes envelope() const {
    Bytes out(kEnvelopeSize);
    EXPECT_TRUE(
        seal_envelope(fields_, domain_key_, file_key_, std::span<uint8_t, kEnvelopeSize>(out.data(), kEnvelopeSize)));
    return out;
  }
  // The body of section 4, behind its envelope.
  Bytes blocks_body(std::string_view plaintext) const {
    const Bytes salt = counting(24, 0xc0);
    BlocksSealer sealer = KnownSalt::blocks_sealer(file_key_, fields_.suite, 10, blocks_context(), salt).value();
    Buffer out;
    EXPECT_TRUE(sealer.append(as_bytes(plaintext), out));
    EXPECT_TRUE(sealer.finish(out));
    return {out.view().begin(), out.view().end()};
  }
  Bytes blocks_context() const {
    Bytes context(as_bytes("coffer blocks v1").begin(), as_bytes("coffer blocks v1").end());
    context.insert(context.end(), fields_.file_id.bytes.begin(), fields_.file_id.bytes.end());
    context.push_back(10);
    return context;
  }
  // Splits what a body's schedule gives.
  void schedule(ExampleText& text, const StreamSchedule& schedule) {
    text.value("key", schedule.key.reveal().first(32));
    text.value("base nonce", schedule.key.reveal().subspan(32));
    text.value("commitment", schedule.commitment);
  }

  DomainKey domain_key_ = DomainKey::copy_of(counting(32, 0));
  FileKey file_key_ = FileKey::copy_of(counting(32, 0x80));
  EnvelopeFields fields_;
};

}  // namespace coffer
