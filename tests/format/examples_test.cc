// The worked examples of docs/format.md are what the code makes. When one differs, the message holds the text that the
// page should have.
#include <gtest/gtest.h>

#include "coffer/crypto/kdf.h"
#include "coffer/format/directory_names.h"
#include "coffer/format/key_schedule.h"
#include "format/known_pages.h"
#include "format/known_salt.h"
#include "format/whole_file.h"
#include "format/worked_example.h"

namespace coffer {
namespace {

class Examples : public WorkedExample {};

TEST_F(Examples, Envelope) {
  fields_.kind = Kind::kBlocks;
  fields_.chunk_log2 = 10;
  Bytes bytes = envelope();
  Bytes wrap_context = counting(16, 0x40);
  wrap_context.insert(wrap_context.end(), fields_.file_id.bytes.begin(), fields_.file_id.bytes.end());
  wrap_context.push_back(1);
  ExampleText text;
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
  const Bytes context = blocks_context(), salt = counting(24, 0xc0);
  ExampleText text;
  text.value("context", context);
  text.value("salt", salt);
  schedule(text, blocks_schedule(file_key_, fields_.suite, salt, context).value());
  text.value("plaintext", as_bytes(plaintext));
  text.line("");
  text.dump(blocks_body(plaintext), kEnvelopeSize);
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
  ExampleText text;
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
  ExampleText text;
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
  ExampleText text;
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
  ExampleText text;
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
