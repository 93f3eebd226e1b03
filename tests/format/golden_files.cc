#include "format/golden_files.h"

#include <functional>

#include "coffer/crypto/kdf.h"
#include "format/known_salt.h"
#include "format/whole_file.h"

namespace coffer {
namespace {

FileKey numbered_key(size_t size, uint8_t first) {
  SecretBytes bytes(size);
  for (uint8_t& byte : bytes.reveal_mutable()) byte = first++;
  return FileKey(std::move(bytes));
}
DomainKey numbered_domain_key(uint8_t first) { return DomainKey::copy_of(numbered_key(32, first).reveal()); }

Id numbered_id(uint8_t first) {
  Id id;
  for (uint8_t& byte : id.bytes) byte = first++;
  return id;
}

Id named_id(const std::string& name) {
  Id id;
  std::copy_n(sha256(as_bytes(name))->begin(), id.bytes.size(), id.bytes.begin());
  return id;
}

// Of a domain with the tag 8cbd: docs/format.md, section 7.
Id id_of(const DomainKey& key) {
  Id id{{0x8c, 0xbd}};
  std::ranges::copy(derive(key.reveal(), "domain key id", id.view().first(2), 14)->reveal(), id.bytes.begin() + 2);
  return id;
}

void append(Bytes& bytes, ByteView more) { bytes.insert(bytes.end(), more.begin(), more.end()); }

// By one that holds what `file` says now.
void replace_slot(GoldenFile& file) {
  SlotUpdate update =
      seal_slot_update(scan_envelope(file.bytes).value(), file.fields, file.domain_key, file.file_key).value();
  std::ranges::copy(update.bytes, file.bytes.begin() + static_cast<ptrdiff_t>(update.offset));
  ++file.sequence;
}

GoldenFile blocks(std::string name, std::string note, Suite suite, int chunk_log2, size_t size) {
  GoldenFile file = start_golden(std::move(name), std::move(note), Kind::kBlocks, suite, chunk_log2);
  file.plaintext = pattern(size, size + 1);
  Bytes context(as_bytes("coffer blocks v1").begin(), as_bytes("coffer blocks v1").end());
  append(context, file.fields.file_id.bytes);
  context.push_back(file.fields.chunk_log2);
  Bytes salt = pattern(24, file.fields.file_id.bytes[0]);
  BlocksSealer sealer = KnownSalt::blocks_sealer(file.file_key, suite, chunk_log2, context, salt).value();
  Buffer out;
  EXPECT_TRUE(sealer.append(file.plaintext, out));
  EXPECT_TRUE(sealer.finish(out));
  append(file.bytes, out.view());
  return file;
}

// A log whose appends are lists of sizes, one list a session; each session but the last is closed, and all is synced
// before every third append.
class GoldenLog {
 public:
  GoldenLog(std::string name, std::string note, Suite suite)
      : file_(start_golden(std::move(name), std::move(note), Kind::kLog, suite)) {
    file_.closed = false;
  }

  GoldenLog& session(const std::vector<size_t>& sizes, bool close) {
    LogPosition at{session_++, file_.bytes.size(), file_.plaintext.size()};
    Bytes salt = pattern(32, file_.fields.file_id.bytes[0] * 16u + at.session);
    LogParams params{file_.fields.suite, file_.fields.file_id};
    LogSealer sealer = KnownSalt::log_sealer(file_.file_key, params, at, salt).value();
    uint64_t durable = at.offset;
    size_t count = 0;
    for (size_t size : sizes.empty() ? std::vector<size_t>{0} : sizes) {
      if (++count % 3 == 0) durable = sealer.offset();
      Bytes data = pattern(size, size + file_.plaintext.size());
      Buffer out;
      EXPECT_TRUE(sealer.append(data, durable, out));
      append(file_.bytes, out.view());
      append(file_.plaintext, data);
    }
    if (close) {
      Buffer out;
      EXPECT_TRUE(sealer.close(sealer.offset(), out));
      append(file_.bytes, out.view());
    }
    file_.closed = close;
    return *this;
  }

  GoldenFile finish(const std::function<void(GoldenFile&)>& change = {}) {
    if (change) change(file_);
    return std::move(file_);
  }

 private:
  GoldenFile file_;
  uint64_t session_ = 0;
};

GoldenFile directory(std::string name, std::string note) {
  GoldenFile file = start_golden(std::move(name), std::move(note), Kind::kDirectory, Suite::kXaes256Gcm);
  const LinksKey links = LinksKey::copy_of(numbered_key(AesSiv::kKeySize, 0xc0).reveal());
  append(file.bytes, DirectoryKey::seal_body(file.file_key, file.fields.file_id, links).value());
  return file;
}

GoldenFile ctr(std::string name, std::string note, Suite suite, size_t size, bool sealed) {
  GoldenFile file = start_golden(std::move(name), std::move(note), Kind::kCtr, suite);
  file.plaintext = pattern(size, size + 1);
  Bytes body(size);
  CtrBody stream = CtrBody::create(file.file_key, suite, file.fields.file_id).value();
  EXPECT_TRUE(stream.apply(0, file.plaintext, body.data()));
  append(file.bytes, body);
  file.closed = sealed;
  if (!sealed) return file;
  Gmac mac = ctr_body_mac(file.file_key, file.fields.file_id).value();
  mac.update(body);
  file.fields.body_sealed = true;
  file.fields.body_size = size;
  file.fields.body_mac = mac.finish();
  replace_slot(file);
  replace_slot(file);
  return file;
}

GoldenFile rewrapped() {
  GoldenFile file = blocks("blocks-rewrapped", "moved to version 2 of its domain key", Suite::kAes256Gcm, 10, 300);
  file.domain_key = numbered_domain_key(0x20);
  file.fields.domain_key_id = id_of(file.domain_key);
  file.fields.domain_key_version = 2;
  file.fields.keyring_version = 5;
  replace_slot(file);
  return file;
}

void add_blocks(std::vector<GoldenFile>& out) {
  out.push_back(blocks("blocks-aes-256-gcm", "two full chunks and a part", Suite::kAes256Gcm, 10, 2500));
  out.push_back(blocks("blocks-aes-192-gcm", "one full chunk and the empty one", Suite::kAes192Gcm, 10, 1024));
  out.push_back(blocks("blocks-aes-128-gcm", "nothing", Suite::kAes128Gcm, 12, 0));
  out.push_back(blocks("blocks-chacha20-poly1305", "one short chunk", Suite::kChaCha20Poly1305, 20, 100));
  out.push_back(blocks("blocks-c2sp", "chunks of 16 KiB: from byte 8192 on C2SP chunked encryption to the byte",
                       Suite::kAes256Gcm, 14, 16385));
  out.push_back(rewrapped());
  out.push_back(blocks("blocks-damaged-slot", "slot B is damaged, slot A stands", Suite::kAes256Gcm, 10, 10));
  out.back().bytes[kSlotSize + 300] ^= 1;
  out.back().sequence = 1;
  out.push_back(blocks("blocks-damaged-chunk", "one bit of chunk 1 is flipped", Suite::kAes256Gcm, 10, 2100));
  out.back().bytes[kEnvelopeSize + kBlocksPrefixSize + 1040 + 7] ^= 4;
  out.back().error = Code::kTampered;
  out.push_back(blocks("blocks-truncated", "the last chunk is missing", Suite::kAes256Gcm, 10, 1500));
  out.back().bytes.resize(kEnvelopeSize + kBlocksPrefixSize + 1040);
  out.back().error = Code::kTruncated;
}

void add_logs(std::vector<GoldenFile>& out) {
  auto golden = [&](std::string name, std::string note, Suite suite) {
    return GoldenLog("log-" + std::move(name), std::move(note), suite);
  };
  out.push_back(golden("aes-256-gcm", "three sessions, closed", Suite::kAes256Gcm)
                    .session({1, 150, 16}, true)
                    .session({33, 700}, false)
                    .session({5}, true)
                    .finish());
  out.push_back(golden("aes-192-gcm", "never closed", Suite::kAes192Gcm).session({150, 150, 150, 2}, false).finish());
  out.push_back(golden("aes-128-gcm", "the last frame is torn", Suite::kAes128Gcm)
                    .session({10, 20, 30}, false)
                    .finish([](GoldenFile& file) {
                      file.bytes.erase(file.bytes.end() - 3, file.bytes.end());
                      file.plaintext.resize(30);
                      file.torn_bytes = 59;
                    }));
  out.push_back(golden("chacha20-poly1305", "closed; preallocated zeros follow", Suite::kChaCha20Poly1305)
                    .session({40, 41, 42}, true)
                    .finish([](GoldenFile& file) {
                      file.bytes.resize(file.bytes.size() + 333);
                      file.torn_bytes = 333;
                    }));
  out.push_back(golden("empty", "a session of no frames", Suite::kAes256Gcm).session({}, false).finish());
  GoldenFile old = golden("old", "", Suite::kAes256Gcm).session({90, 90, 90, 90, 90}, true).finish();
  out.push_back(golden("recycled", "what an earlier life of the file left stands behind the new one", Suite::kAes256Gcm)
                    .session({7, 8}, false)
                    .finish([&](GoldenFile& file) {
                      file.torn_bytes = old.bytes.size() - file.bytes.size();
                      std::copy(old.bytes.begin() + static_cast<ptrdiff_t>(file.bytes.size()), old.bytes.end(),
                                std::back_inserter(file.bytes));
                    }));
  for (bool in_header : {false, true}) {
    out.push_back(golden(in_header ? "damaged-session" : "damaged-frame",
                         in_header ? "the salt is damaged, and a later frame says that it was durable"
                                   : "the first frame is damaged, and a later one says that it was durable",
                         Suite::kAes256Gcm)
                      .session({50, 60, 70, 80}, false)
                      .finish([&](GoldenFile& file) {
                        file.bytes[kEnvelopeSize + (in_header ? 40 : 130)] ^= 0x20;
                        file.error = Code::kDamaged;
                      }));
  }
}

}  // namespace

GoldenFile start_golden(std::string name, std::string note, Kind kind, Suite suite, int chunk_log2) {
  GoldenFile file;
  file.fields.file_id = named_id(name);
  file.name = std::move(name);
  file.note = std::move(note);
  file.domain_key = numbered_domain_key(0);
  file.file_key = numbered_key(suite_info(suite).key_size, 0x80);
  file.fields.suite = suite;
  file.fields.kind = kind;
  file.fields.chunk_log2 = static_cast<uint8_t>(chunk_log2);
  file.fields.store_id = numbered_id(0x40);
  file.fields.domain_key_id = id_of(file.domain_key);
  file.fields.domain_key_version = 1;
  file.fields.keyring_version = 1;
  file.bytes.resize(kEnvelopeSize);
  EXPECT_TRUE(seal_envelope(file.fields, file.domain_key, file.file_key,
                            std::span<uint8_t, kEnvelopeSize>(file.bytes.data(), kEnvelopeSize)));
  return file;
}

std::vector<GoldenFile> golden_files() {
  std::vector<GoldenFile> out;
  add_blocks(out);
  add_logs(out);
  out.push_back(ctr("ctr-aes-256-ctr", "sealed", Suite::kAes256Ctr, 1000, true));
  out.push_back(ctr("ctr-aes-192-ctr", "sealed, empty", Suite::kAes192Ctr, 0, true));
  out.push_back(ctr("ctr-aes-128-ctr", "never sealed: nothing proves its plaintext", Suite::kAes128Ctr, 47, false));
  add_golden_pages(out);
  out.push_back(directory("directory", "has no contents but the key of links"));
  out.push_back(directory("directory-damaged", "one bit of its body"));
  out.back().bytes.back() ^= 1;
  out.back().error = Code::kTampered;
  return out;
}

std::string golden_manifest(const std::vector<GoldenFile>& files) {
  std::string out = "[\n";
  for (const GoldenFile& file : files) {
    auto text = [&](const char* name, std::string_view value) {
      out += std::string("\"") + name + "\": \"" + std::string(value) + "\", ";
    };
    auto number = [&](const char* name, uint64_t value) {
      out += std::string("\"") + name + "\": " + std::to_string(value) + ", ";
    };
    out += out.size() > 2 ? ",\n {" : " {";
    text("file", file.name + ".coffer");
    text("kind", kind_name(file.fields.kind));
    text("suite", suite_info(file.fields.suite).name);
    number("chunk_log2", file.fields.chunk_log2);
    number("sequence", file.sequence);
    text("domain_key", to_hex(file.domain_key.reveal()));
    number("domain_key_version", file.fields.domain_key_version);
    text("file_key", to_hex(file.file_key.reveal()));
    text("error", file.error == Code::kOk ? "" : code_name(file.error));
    if (file.error == Code::kOk) {
      number("size", file.plaintext.size());
      text("sha256", to_hex(sha256(file.plaintext).value()));
      const char* says = file.closed ? "true" : "false";
      const char* name = file.fields.kind == Kind::kCtr ? "authenticated" : "closed";
      const bool has_end = file.fields.kind != Kind::kBlocks && file.fields.kind != Kind::kDirectory;
      if (has_end) out += std::string("\"") + name + "\": " + says + ", ";
      if (file.fields.kind == Kind::kLog) number("torn_bytes", file.torn_bytes);
    }
    out += "\"note\": \"" + file.note + "\"}";
  }
  return out + "\n]\n";
}

}  // namespace coffer
