// Streams of files, without files: what is read is what was written, for the one whom it was written for.
#include "coffer/format/file_stream.h"

#include <gtest/gtest.h>

#include <functional>

#include "coffer/crypto/random.h"
#include "support/stream_node.h"

namespace coffer {
namespace {

StreamNode fresh_node() {
  return StreamNode(std::move(new_x25519_private()).value(), std::move(random_secret(32)).value());
}

const FileKey& some_file_key() {
  static const FileKey key = FileKey::copy_of(Bytes(32, 0x5a));
  return key;
}

class FileStream : public testing::Test {
 protected:
  FileStream() { head_.id.bytes.fill(7), head_.made = 1'900'000'000, head_.receiver = receiver_.agreement(); }

  StreamedFile file(const std::string& name, uint8_t id, uint64_t body = 100) const {
    EnvelopeFields fields;
    fields.chunk_log2 = 12;
    fields.file_id.bytes.fill(id);
    StreamedFile out;
    out.name = name;
    out.mode = 0640;
    out.envelope = key_.wrap(head_.id, fields, some_file_key()).value();
    out.body_size = body;
    return out;
  }
  Bytes sealed(const std::vector<StreamedFile>& files) const {
    return seal_file_stream(head_, key_, sender_, write_stream_manifest(files).value()).value();
  }
  // All that a receiver does before it writes anything.
  Result<std::vector<StreamedFile>> opened(ByteView bytes, const StreamNode& by) const {
    COFFER_ASSIGN(const FileStreamHead head, read_file_stream_head(bytes));
    COFFER_ASSIGN(const FileStreamKey key, open_file_stream_head(head, bytes, by));
    const ByteView rest = bytes.subspan(kFileStreamHeadSize);
    if (rest.size() < file_stream_rest_size(head)) return {Code::kTruncated, "cut"};
    return open_file_stream(head, bytes, rest.first(file_stream_rest_size(head)), key);
  }
  // The same list, changed as no sender of ours would.
  Code code_of(std::vector<StreamedFile> files, const std::function<void(std::vector<StreamedFile>&)>& change) const {
    change(files);
    return write_stream_manifest(files).code();
  }

  const StreamNode sender_ = fresh_node(), receiver_ = fresh_node(), other_ = fresh_node();
  const FileStreamKey key_ = std::move(FileStreamKey::create()).value();
  FileStreamHead head_;
};

TEST_F(FileStream, IsReadAsItWasWritten) {
  StreamedFile begun = file("b/c", 2, 5000);
  begun.from = 4000;
  begun.had.fill(9);
  StreamedFile empty;
  empty.name = "LOCK", empty.empty = true, empty.mode = 0600;
  const auto files = opened(sealed({empty, file("a", 1), begun}), receiver_);
  ASSERT_TRUE(files.is_ok()) << files.status().to_string();
  ASSERT_EQ(files->size(), 3u);
  EXPECT_TRUE((*files)[0].empty);
  EXPECT_EQ((*files)[1].name, "a");
  EXPECT_EQ((*files)[1].mode, 0640);
  EXPECT_EQ((*files)[1].envelope.fields.chunk_log2, 12);
  EXPECT_EQ((*files)[2].from, 4000u);
  EXPECT_EQ((*files)[2].had, begun.had);
  EXPECT_TRUE(std::ranges::equal(key_.unwrap((*files)[2])->reveal(), some_file_key().reveal()));
}

TEST_F(FileStream, IsForItsReceiverOnly) {
  EXPECT_EQ(opened(sealed({file("a", 1)}), other_).code(), Code::kForeign);
  // Nor does who rewrites the address open it.
  Bytes bytes = sealed({file("a", 1)});
  std::ranges::copy(ByteView(other_.agreement()), bytes.begin() + 96);
  EXPECT_EQ(opened(bytes, other_).code(), Code::kWrongKey);
}

TEST_F(FileStream, IsFromItsSenderOnly) {
  // Somebody else's stream under the sender's name, and the sender's own under another's signature.
  Bytes bytes = seal_file_stream(head_, key_, other_, write_stream_manifest({file("a", 1)}).value()).value();
  std::ranges::copy(ByteView(sender_.agreement()), bytes.begin() + 32);
  EXPECT_EQ(opened(bytes, receiver_).code(), Code::kWrongKey);
  bytes = sealed({file("a", 1)});
  const Signature forged = other_.sign(ByteView(bytes).first(bytes.size() - sizeof(Signature))).value();
  std::ranges::copy(forged, bytes.end() - sizeof(Signature));
  EXPECT_EQ(opened(bytes, receiver_).code(), Code::kTampered);
}

TEST_F(FileStream, EveryBitCounts) {
  const Bytes bytes = sealed({file("a", 1)});
  for (size_t at = 0; at < bytes.size(); ++at) {
    Bytes flipped = bytes;
    flipped[at] ^= static_cast<uint8_t>(1 << at % 8);
    EXPECT_FALSE(opened(flipped, receiver_).is_ok()) << at;
  }
  for (size_t size : {size_t{0}, size_t{1}, kFileStreamHeadSize - 1, kFileStreamHeadSize, bytes.size() - 1}) {
    EXPECT_FALSE(opened(ByteView(bytes).first(size), receiver_).is_ok()) << size;
  }
}

TEST_F(FileStream, PartsOfTwoStreamsDoNotFit) {
  const Bytes one = sealed({file("a", 1)}), two = sealed({file("a", 1)});
  Bytes mixed(one.begin(), one.begin() + kFileStreamHeadSize);
  mixed.insert(mixed.end(), two.begin() + kFileStreamHeadSize, two.end());
  EXPECT_EQ(opened(mixed, receiver_).code(), Code::kTampered);
}

TEST_F(FileStream, NamesStayInside) {
  const std::string too_long(256, 'n');
  for (const std::string& name :
       {std::string("../x"), std::string("/x"), std::string("a/../x"), std::string("a//x"), std::string("a/"),
        std::string("."), std::string(), std::string("a\nb"), std::string("a\0b", 3), std::string(".coffer-new.x"),
        std::string("a/.coffer-lock"), too_long}) {
    EXPECT_EQ(write_stream_manifest({file(name, 1)}).code(), Code::kInvalidArgument) << name;
  }
  std::string deep = "a";
  while (deep.size() < 200) deep += "/a";
  EXPECT_EQ(write_stream_manifest({file(deep, 1)}).code(), Code::kInvalidArgument);
  EXPECT_TRUE(write_stream_manifest({file("..a/.b/c..", 1)}).is_ok());
}

TEST_F(FileStream, ListsObeyTheirRules) {
  const std::vector<StreamedFile> good = {file("a", 1), file("b", 2)};
  using Files = std::vector<StreamedFile>;
  EXPECT_EQ(code_of(good, [](Files&) {}), Code::kOk);
  EXPECT_EQ(code_of(good, [](Files& files) { files[1].name = "a"; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of(good, [](Files& files) { std::swap(files[0], files[1]); }), Code::kInvalidArgument);
  EXPECT_EQ(code_of(good, [](Files& files) { files[1].name = "a/b"; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of(good, [](Files& files) { files[1].envelope = files[0].envelope; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of(good, [](Files& files) { files[0].from = 101; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of(good, [](Files& files) { files[0].had.fill(1); }), Code::kInvalidArgument);
  EXPECT_EQ(code_of(good, [](Files& files) { files[0].mode = 04755; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of(good, [](Files& files) { files[0].body_size = ~uint64_t{0}; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of(good, [](Files& files) { files[0].empty = true; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of(good, [](Files& files) { files[0].envelope.fields.kind = Kind::kDirectory; }),
            Code::kInvalidArgument);
  EXPECT_EQ(code_of(good, [](Files& files) { files[0].envelope.fields.kind = Kind::kCtr; }), Code::kInvalidArgument);
}

TEST_F(FileStream, ReadsNoOtherManifest) {
  const Bytes good = write_stream_manifest({file("a", 1)}).value();
  EXPECT_TRUE(read_stream_manifest(good).is_ok());
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(read_stream_manifest(ByteView(good).first(size)).is_ok()) << size;
  }
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_EQ(read_stream_manifest(longer).code(), Code::kTampered);
  Bytes many = good;
  many[3] = 0xff;  // files without end
  EXPECT_EQ(read_stream_manifest(many).code(), Code::kTampered);
}

TEST_F(FileStream, ChunksHaveTagsOfTheirOwn) {
  const auto tag = [&](uint32_t number, uint64_t offset, uint32_t size) {
    Gmac mac = key_.chunk_mac(number, offset, size).value();
    mac.update(Bytes(64, 1));
    return mac.finish();
  };
  const auto first = tag(0, 0, 64);
  EXPECT_NE(first, tag(1, 0, 64));
  EXPECT_NE(first, tag(0, 64, 64));
  EXPECT_NE(first, tag(0, 0, 65));
}

}  // namespace
}  // namespace coffer
