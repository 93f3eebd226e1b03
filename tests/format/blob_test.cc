// Blobs, without a coffer around them.
#include "coffer/format/blob.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "coffer_test_paths.h"

namespace coffer {
namespace {

DomainKey counting_domain_key() {
  Bytes bytes(32);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i);
  return DomainKey::copy_of(bytes);
}

// The dump in the page's section.
Bytes blob_of_the_page() {
  std::ifstream page(std::string(COFFER_SOURCE_DIR) + "/docs/format.md");
  std::string text(std::istreambuf_iterator<char>(page), {});
  text.erase(0, text.find(". Blobs\n"));
  std::istringstream lines(text.substr(0, text.find("\n## ")));
  Bytes out;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    size_t offset = 0;
    if (!line.starts_with(' ') || !(words >> offset) || offset != out.size()) continue;
    for (unsigned byte = 0; words >> std::hex >> byte;) out.push_back(static_cast<uint8_t>(byte));
  }
  return out;
}

Bytes sealed_blob(const BlobFields& fields, ByteView context, ByteView message) {
  Bytes out(kBlobOverhead + message.size());
  EXPECT_TRUE(seal_blob(fields, counting_domain_key(), context, message, out.data()).is_ok());
  return out;
}

TEST(Blob, TheWorkedExampleOpens) {
  const Bytes blob = blob_of_the_page();
  const auto fields = read_blob(blob);
  ASSERT_TRUE(fields.is_ok()) << fields.status().to_string() << ", of " << blob.size() << " bytes";
  EXPECT_EQ(fields->purpose, BlobPurpose::kData);
  EXPECT_EQ(fields->domain_key_version, 1u);
  EXPECT_EQ(fields->keyring_version, 5u);
  EXPECT_EQ(fields->domain_key_id.hex(), "303132333435363738393a3b3c3d3e3f");
  std::string message(fields->message_size, '?');
  auto* const out = reinterpret_cast<uint8_t*>(message.data());
  ASSERT_TRUE(open_blob(blob, *fields, counting_domain_key(), as_bytes("users/7/password"), out).is_ok());
  EXPECT_EQ(message, "swordfish");
  EXPECT_EQ(open_blob(blob, *fields, counting_domain_key(), as_bytes("users/8/password"), out).code(), Code::kTampered);
  EXPECT_EQ(message, std::string(9, '\0'));
  EXPECT_EQ(open_blob(blob, *fields, DomainKey::copy_of(Bytes(32)), as_bytes("users/7/password"), out).code(),
            Code::kWrongKey);
}

TEST(Blob, SaysWhatItWasMadeWith) {
  BlobFields fields;
  fields.purpose = BlobPurpose::kKey;
  fields.domain_key_version = 7;
  fields.message_size = 32;
  fields.keyring_version = uint64_t{1} << 40;
  fields.domain_key_id.bytes.fill(9);
  const auto read = read_blob(sealed_blob(fields, {}, Bytes(32, 1)));
  ASSERT_TRUE(read.is_ok());
  EXPECT_EQ(read->purpose, fields.purpose);
  EXPECT_EQ(read->domain_key_version, fields.domain_key_version);
  EXPECT_EQ(read->message_size, fields.message_size);
  EXPECT_EQ(read->keyring_version, fields.keyring_version);
  EXPECT_EQ(read->domain_key_id, fields.domain_key_id);
}

}  // namespace
}  // namespace coffer
