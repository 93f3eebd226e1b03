#include "coffer/net/stores/java_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace coffer::keystore {
namespace {

using testing::HasSubstr;

// Writes a stream piece by piece, as Java would.
class Stream {
 public:
  Stream() { raw("aced0005"); }
  Stream& raw(const std::string& hex) {
    const Bytes bytes = from_hex(hex).value();
    out_.insert(out_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  Stream& text(const std::string& text) {
    out_.push_back(static_cast<uint8_t>(text.size() >> 8));
    out_.push_back(static_cast<uint8_t>(text.size()));
    out_.insert(out_.end(), text.begin(), text.end());
    return *this;
  }
  Stream& class_start(const std::string& name, const std::string& flags = "02") {
    return raw("72").text(name).raw("0123456789abcdef" + flags);
  }
  Stream& field(const std::string& kind, const std::string& name, const std::string& type) {
    return raw(kind).text(name).raw("74").text(type);
  }
  // A SecretKeySpec up to its values: a key and the name of its algorithm.
  Stream& key_spec() {
    return raw("73")
        .class_start("javax.crypto.spec.SecretKeySpec")
        .raw("0002")
        .field("4c", "algorithm", "Ljava/lang/String;")
        .field("5b", "key", "[B")
        .raw("7870");
  }
  Stream& byte_array(const std::string& hex) {
    return raw("75").class_start("[B").raw("00007870").raw("0000000" + std::to_string(hex.size() / 2)).raw(hex);
  }
  const Bytes& bytes() const { return out_; }

 private:
  Bytes out_;
};

Result<JavaObject> read(const Bytes& bytes) {
  BigEndianReader reader(bytes);
  auto object = read_java_object(reader);
  EXPECT_TRUE(!object.is_ok() || reader.finished());
  return object;
}

Stream whole_key() {
  Stream out;
  out.key_spec().raw("74").text("AES").byte_array("0badcafe");
  return out;
}

TEST(JavaStream, AKeySpecificationIsReadWithItsFields) {
  const Bytes bytes = whole_key().bytes();
  auto object = read(bytes);
  ASSERT_TRUE(object.is_ok()) << object.status().to_string();
  EXPECT_EQ(object->class_name, "javax.crypto.spec.SecretKeySpec");
  EXPECT_EQ(as_text(object->field("algorithm")), "AES");
  EXPECT_EQ(to_hex(object->field("key")), "0badcafe");
  EXPECT_TRUE(object->field("nothing").empty());
}

TEST(JavaStream, AStringMayBeAReferenceToAnEarlierOne) {
  Stream stream;
  stream.key_spec().raw("71007e0001").raw("70");  // the second handle: the name of the first field's type
  const Bytes bytes = stream.bytes();
  auto object = read(bytes);
  ASSERT_TRUE(object.is_ok()) << object.status().to_string();
  EXPECT_EQ(as_text(object->field("algorithm")), "Ljava/lang/String;");
  EXPECT_TRUE(object->field("key").empty()) << "null";
}

TEST(JavaStream, ReferencesToWhatIsNotThereOrIsNoStringAreRefused) {
  for (const std::string& handle :
       std::vector<std::string>{"007e0000", "007e0040", "00000000", "ffffffff", "007e0003"}) {
    Stream stream;
    stream.key_spec().raw("71" + handle).raw("70");
    EXPECT_EQ(read(stream.bytes()).code(), Code::kInvalidArgument) << handle;
  }
}

TEST(JavaStream, OtherClassesAreRefusedByName) {
  Stream stream;
  stream.raw("73").class_start("java.util.PriorityQueue").raw("00007870");
  auto object = read(stream.bytes());
  EXPECT_EQ(object.code(), Code::kUnsupported);
  EXPECT_THAT(std::string(object.status().message()), HasSubstr("java.util.PriorityQueue"));
  Stream unprintable;
  unprintable.raw("73").class_start("a\x1b[2J").raw("00007870");
  EXPECT_THAT(std::string(read(unprintable.bytes()).status().message()), HasSubstr("(unprintable)"));
}

TEST(JavaStream, ClassesOfAForeignShapeAreRefused) {
  const std::string spec = "javax.crypto.spec.SecretKeySpec";
  Stream flags, primitive, annotation, many;
  flags.raw("73").class_start(spec, "03").raw("00007870");
  primitive.raw("73").class_start(spec).raw("0001").raw("49").text("count").raw("7870");
  annotation.raw("73").class_start(spec).raw("0000").raw("77017f").raw("7870");
  many.raw("73").class_start(spec).raw("ffff");
  for (const Stream* stream : {&flags, &primitive, &annotation, &many}) {
    EXPECT_EQ(read(stream->bytes()).code(), Code::kInvalidArgument) << to_hex(stream->bytes());
  }
}

TEST(JavaStream, AnEndlessLineOfAncestorsIsCut) {
  Stream stream;
  stream.raw("73");
  for (int i = 0; i < 100; ++i) stream.class_start("javax.crypto.SealedObject").raw("000078");
  EXPECT_EQ(read(stream.bytes()).code(), Code::kInvalidArgument);
}

TEST(JavaStream, AClassThatIsItsOwnAncestorIsRefused) {
  Stream stream;
  stream.raw("73").class_start("javax.crypto.SealedObject").raw("000078").raw("71007e0000");
  EXPECT_FALSE(read(stream.bytes()).is_ok());
}

TEST(JavaStream, CutAnywhereIsAnError) {
  const Bytes whole = whole_key().bytes();
  for (size_t size = 0; size < whole.size(); ++size) {
    const Bytes cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
    EXPECT_EQ(read(cut).code(), Code::kInvalidArgument) << size;
  }
}

}  // namespace
}  // namespace coffer::keystore
