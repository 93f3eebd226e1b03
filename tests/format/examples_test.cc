// The worked examples of docs/format.md are what the code makes. When one differs, the message holds the text that the
// page should have.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "coffer/crypto/kdf.h"
#include "coffer/format/directory_names.h"
#include "coffer/format/key_schedule.h"
#include "coffer_test_paths.h"
#include "format/known_pages.h"
#include "format/known_salt.h"
#include "format/whole_file.h"

namespace coffer {
namespace {

// count bytes, the first of them `first` and each one more than the one before.
Bytes counting(size_t count, uint8_t first) {
  Bytes out(count);
  for (uint8_t& byte : out) byte = first++;
  return out;
}
Id counting_id(uint8_t first) {
  Id id;
  std::ranges::copy(counting(16, first), id.bytes.begin());
  return id;
}

// The page's text: "name  hexadecimal", continued on lines of their own, and dumps of bytes.
class Text {
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

void expect_on_page(const Text& text) {
  std::ifstream in(std::string(COFFER_SOURCE_DIR "/docs/format.md"));
  std::string page{std::istreambuf_iterator<char>(in), {}};
  std::string expected = "```text\n" + text.str() + "```\n";
  EXPECT_NE(page.find(expected), std::string::npos) << "docs/format.md should have\n" << expected;
}

class Examples : public testing::Test {
 protected:
  Examples() {
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
  // Splits what a body's schedule gives.
  void schedule(Text& text, const StreamSchedule& schedule) {
    text.value("key", schedule.key.reveal().first(32));
    text.value("base nonce", schedule.key.reveal().subspan(32));
    text.value("commitment", schedule.commitment);
  }

  DomainKey domain_key_ = DomainKey::copy_of(counting(32, 0));
  FileKey file_key_ = FileKey::copy_of(counting(32, 0x80));
  EnvelopeFields fields_;
};

TEST_F(Examples, Envelope) {
  fields_.kind = Kind::kBlocks;
  fields_.chunk_log2 = 10;
  Bytes bytes = envelope();
  Bytes wrap_context = counting(16, 0x40);
  wrap_context.insert(wrap_context.end(), fields_.file_id.bytes.begin(), fields_.file_id.bytes.end());
  wrap_context.push_back(1);
  Text text;
  text.value("domain key", domain_key_.reveal());
  text.value("file key", file_key_.reveal());
  text.value("store id", fields_.store_id.bytes);
  text.value("file id", fields_.file_id.bytes);
  text.line("");
  text.value("domain key id", fields_.domain_key_id.bytes);
  text.value("file wrap key", derive(domain_key_.reveal(), "file wrap", wrap_context, 32)->reveal());
  text.value("wrapped file key", slice(bytes, 120, 40));
  text.value("envelope MAC key", derive(file_key_.reveal(), "envelope mac", fields_.file_id.bytes, 32)->reveal());
  text.line("");
  text.line("slot A");
  text.dump(slice(bytes, 0, kSlotRecordSize), 0);
  text.line("slot B, where it differs");
  for (size_t at = 0; at < kSlotRecordSize; at += 16) {
    ByteView row = slice(bytes, kSlotSize + at, 16);
    if (!std::ranges::equal(row, slice(bytes, at, 16))) text.row(row, kSlotSize + at);
  }
  expect_on_page(text);
}

TEST_F(Examples, Blocks) {
  std::string_view plaintext = "Coffer";
  Bytes context(as_bytes("coffer blocks v1").begin(), as_bytes("coffer blocks v1").end());
  context.insert(context.end(), fields_.file_id.bytes.begin(), fields_.file_id.bytes.end());
  context.push_back(10);
  Bytes salt = counting(24, 0xc0);
  Text text;
  text.value("context", context);
  text.value("salt", salt);
  schedule(text, blocks_schedule(file_key_, fields_.suite, salt, context).value());
  text.value("plaintext", as_bytes(plaintext));
  text.line("");
  BlocksSealer sealer = KnownSalt::blocks_sealer(file_key_, fields_.suite, 10, context, salt).value();
  Buffer out;
  ASSERT_TRUE(sealer.append(as_bytes(plaintext), out));
  ASSERT_TRUE(sealer.finish(out));
  text.dump(out.view(), kEnvelopeSize);
  expect_on_page(text);
}

TEST_F(Examples, Log) {
  Bytes salt = counting(32, 0xc0);
  LogParams params{fields_.suite, fields_.file_id};
  LogSealer sealer = KnownSalt::log_sealer(file_key_, params, {0, kEnvelopeSize, 0}, salt).value();
  Buffer header, first, second, close;
  ASSERT_TRUE(sealer.append({}, 0, header));
  uint64_t first_offset = sealer.offset();
  ASSERT_TRUE(sealer.append(as_bytes("put a=1;"), 8192, first));
  uint64_t second_offset = sealer.offset();
  ASSERT_TRUE(sealer.append(as_bytes("put b=2;"), second_offset, second));
  uint64_t close_offset = sealer.offset();
  ASSERT_TRUE(sealer.close(second_offset, close));
  Text text;
  schedule(text, log_session_schedule(file_key_, fields_.suite, fields_.file_id, header.view().subspan(8, 56)).value());
  text.line("");
  text.line("session header");
  text.dump(header.view(), kEnvelopeSize);
  text.line("frame \"put a=1;\", written when the envelope alone was synced (durable = 8192)");
  text.dump(first.view(), first_offset);
  text.line("frame \"put b=2;\", written after a sync (durable = " + std::to_string(second_offset) + ")");
  text.dump(second.view(), second_offset);
  text.line("end frame");
  text.dump(close.view(), close_offset);
  expect_on_page(text);
}

TEST_F(Examples, Ctr) {
  fields_.suite = Suite::kAes256Ctr;
  fields_.kind = Kind::kCtr;
  Bytes bytes = envelope();
  std::string_view plaintext = "byte n is byte n";
  CtrKey key = ctr_body_key(file_key_, fields_.suite, fields_.file_id).value();
  auto mac_key = ctr_mac_key(file_key_, fields_.file_id).value();
  Bytes body(plaintext.size());
  CtrBody stream = CtrBody::create(file_key_, fields_.suite, fields_.file_id).value();
  ASSERT_TRUE(stream.apply(0, as_bytes(plaintext), body.data()));
  Gmac mac = ctr_body_mac(file_key_, fields_.file_id).value();
  mac.update(body);
  fields_.body_sealed = true;
  fields_.body_size = body.size();
  fields_.body_mac = mac.finish();
  SlotUpdate update = seal_slot_update(scan_envelope(bytes).value(), fields_, domain_key_, file_key_).value();
  Text text;
  text.value("key", key.reveal().first(32));
  text.value("iv", key.reveal().subspan(32));
  text.value("MAC key", mac_key.reveal().first(32));
  text.value("MAC nonce", mac_key.reveal().subspan(32));
  text.value("plaintext", as_bytes(plaintext));
  text.line("");
  text.line("body");
  text.dump(body, kEnvelopeSize);
  text.line("slot A after closing: sequence 3, body sealed, body size and MAC");
  text.dump(ByteView(update.bytes).first(kSlotRecordSize), update.offset);
  expect_on_page(text);
}

TEST_F(Examples, Pages) {
  fields_.suite = Suite::kXaes256Gcm;
  fields_.kind = Kind::kPages;
  fields_.chunk_log2 = 10;
  const Bytes nonce = counting(24, 0xc0);
  KnownPages pages(file_key_, fields_, envelope(), nonce);
  pages.page(0, as_bytes("Coffer"));
  pages.hole(1);
  const uint64_t journal = pages.layout().end_of(2);
  pages.root(0, {.sequence = 1, .size = 2048, .proven = 2, .epoch = 1, .journal = journal});
  const uint64_t end = pages.record(journal, {.what = PagesRecord::What::kHoles,
                                              .epoch = 1,
                                              .number = 1,
                                              .page = 2,
                                              .count = ~uint64_t{0},
                                              .size = 3000});
  const Bytes& bytes = pages.bytes();
  const auto file = read_whole_file(bytes, domain_key_);
  ASSERT_TRUE(file.is_ok()) << file.status().to_string();
  Bytes expected(as_bytes("Coffer").begin(), as_bytes("Coffer").end());
  expected.resize(3000);
  EXPECT_EQ(file->plaintext, expected);

  const uint64_t tags = pages.layout().group_offset(0), page = pages.layout().page_offset(0);
  Text text;
  text.value("key", pages.key().reveal());
  text.value("nonce", nonce);
  text.value("AES-256-GCM key", pages.derived_key());
  text.value("plaintext", as_bytes("Coffer"));
  text.line("");
  text.line("root: sequence 1, size 2048, 2 pages proven, a journal of epoch 1 at " + std::to_string(journal));
  text.dump(slice(bytes, PagesLayout::kRootOffsets[0], 112), PagesLayout::kRootOffsets[0]);
  text.line("tag block: the seals of page 0 and of the hole in place of page 1; which are holes");
  text.dump(slice(bytes, tags, kTagSectorSize), tags);
  text.line("page 0");
  text.dump(slice(bytes, page, 1024), page);
  text.line("record 1: from page 2 on there is nothing, and the file has 3000 bytes");
  text.dump(slice(bytes, journal, end - journal), journal);
  expect_on_page(text);
}

TEST_F(Examples, Directory) {
  fields_.suite = Suite::kXaes256Gcm;
  fields_.kind = Kind::kDirectory;
  const LinksKey links = LinksKey::copy_of(counting(64, 0xc0));
  const Bytes body = DirectoryKey::seal_body(file_key_, fields_.file_id, links).value();
  const DirectoryKey key = DirectoryKey::create(file_key_, fields_.file_id, body).value();
  const std::string longest(kNameSizeMax, 'n');
  const StoredName far = key.seal_name(longest).value();
  // Of a link that leads to "notes.txt", with the nonce d0…df.
  const std::string target = "2di5fu6u2xlnpwgz3ln5zxo636io5t4jedfwas47it5zf6qrzgrd3tkayrwilceeycn7naea72vwc";
  Text text;
  text.value("names key", directory_names_key(file_key_, fields_.file_id)->reveal());
  text.value("key of links", links.reveal());
  text.line("");
  text.line("body");
  text.dump(body, kEnvelopeSize);
  text.line("");
  text.line("notes.txt: " + key.seal_name("notes.txt")->name);
  text.line("255 times n: " + far.name);
  text.line("its link: " + long_name_link(far.name));
  text.line("leads to");
  for (size_t at = 0; at < far.rest.size(); at += 80) text.line("  " + far.rest.substr(at, 80));
  text.line("a target, notes.txt: " + target);
  expect_on_page(text);
  EXPECT_EQ(key.open_target(target).value(), "notes.txt");
}

}  // namespace
}  // namespace coffer
