// The client against PyKMIP, a real server (TLS 1.2; KMIP 1.0 to 2.0).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coffer/crypto/random.h"
#include "coffer/net/kmip/client.h"
#include "providers/kmip/servers.h"

namespace coffer::kmip {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

// One server for all tests of this process; every test names its keys for itself.
int server_port() {
  static const ServerDirectory directory;
  static const std::unique_ptr<ServerProcess> server = start_pykmip(directory.path());
  return server->port();
}

class PyKmip : public testing::TestWithParam<ProtocolVersion> {
 protected:
  static GroupSettings settings() {
    GroupSettings out = loopback_settings(server_port());
    out.version = GetParam();
    return out;
  }
  Client client_ = client_of(settings());
  const std::string name_ = "key-" + random_id().value().hex();
};

INSTANTIATE_TEST_SUITE_P(EveryVersion, PyKmip,
                         testing::Values(kKmip10, ProtocolVersion{1, 1}, ProtocolVersion{1, 2}, kKmip13, kKmip14,
                                         kKmip20),
                         [](const auto& param) {
                           return "Kmip" + std::to_string(param.param.major) + std::to_string(param.param.minor);
                         });

#define ASSERT_OK(result) ASSERT_TRUE((result).is_ok()) << (result).status().message()

TEST_P(PyKmip, AKeyLivesItsLife) {
  NewKey wanted;
  wanted.name = name_;
  wanted.space.name = "coffer tests";
  const auto id = client_.create(wanted);
  ASSERT_OK(id);
  const auto located = client_.locate({name_, {"coffer tests"}});
  ASSERT_OK(located);
  EXPECT_THAT(*located, Contains(*id));

  auto attributes = client_.attributes(*id);
  ASSERT_OK(attributes);
  EXPECT_THAT(attributes->names, ElementsAre(name_));
  EXPECT_THAT(attributes->groups, ElementsAre("coffer tests"));
  EXPECT_EQ(attributes->cipher(), "AES-256");
  EXPECT_EQ(attributes->state, State::kPreActive);
  EXPECT_EQ(attributes->usage_mask, wanted.usage_mask);

  ASSERT_TRUE(client_.activate(*id));
  EXPECT_EQ(client_.attributes(*id)->state, State::kActive);
  const auto fetched = client_.get(*id);
  ASSERT_OK(fetched);
  EXPECT_EQ(fetched->key.size(), 32u);
  EXPECT_EQ(fetched->attributes.state, State::kActive);

  ASSERT_TRUE(client_.revoke(*id, RevocationReason::kCessation, "test", 0));
  EXPECT_EQ(client_.attributes(*id)->state, State::kDeactivated);
  EXPECT_EQ(client_.get(*id)->key.size(), 32u);
  ASSERT_TRUE(client_.destroy(*id));
  const auto gone = client_.get(*id);
  EXPECT_EQ(gone.code(), Code::kNotFound);
  EXPECT_THAT(std::string(gone.status().message()), HasSubstr("Get of key " + *id));
}

// A key that was made elsewhere.
OperationRequest register_request(const std::string& name, ByteView key) {
  return {"Register"_operation, [name, key](TtlvWriter& writer, ProtocolVersion version) {
            writer.enumeration("Object Type"_tag, ObjectType::kSymmetricKey);
            {
              const auto all = writer.structure(version >= kKmip20 ? "Attributes"_tag : "Template-Attribute"_tag);
              AttributeWriter attributes(writer, version);
              attributes.enumeration("Cryptographic Algorithm"_tag, CryptographicAlgorithm::kAes);
              attributes.integer("Cryptographic Length"_tag, static_cast<int32_t>(key.size() * 8));
              attributes.integer("Cryptographic Usage Mask"_tag, kUsageEncrypt | kUsageDecrypt);
              attributes.name(name);
            }
            const auto object = writer.structure("Symmetric Key"_tag);
            const auto block = writer.structure("Key Block"_tag);
            constexpr Tag kKeyFormatType{0x420042};
            writer.enumeration(kKeyFormatType, 1);  // raw
            {
              const auto value = writer.structure("Key Value"_tag);
              writer.bytes("Key Material"_tag, key);
            }
            writer.enumeration("Cryptographic Algorithm"_tag, CryptographicAlgorithm::kAes);
            writer.integer("Cryptographic Length"_tag, static_cast<int32_t>(key.size() * 8));
          }};
}

TEST_P(PyKmip, ARegisteredKeyComesBackToTheByte) {
  const auto key = random_key<RootRole>(24).value();
  const OperationRequest request = register_request(name_, key.reveal());
  const auto answer = client_.group().call(std::span(&request, 1), Repeat::kAlways);
  ASSERT_OK(answer);
  const auto ids = client_.locate({name_, {}});
  ASSERT_OK(ids);
  ASSERT_EQ(ids->size(), 1u);
  const auto fetched = client_.get(ids->front());
  ASSERT_OK(fetched);
  EXPECT_TRUE(std::ranges::equal(fetched->key.reveal(), key.reveal()));
  EXPECT_EQ(fetched->attributes.cipher(), "AES-192");
}

TEST_P(PyKmip, AttributesOfManyKeysComeInBatches) {
  if (GetParam() != kKmip14) return;  // the version makes no difference to batches, and PyKMIP takes its time
  std::vector<std::string> ids;
  constexpr size_t kMoreThanABatch = 33;
  for (size_t i = 0; i < kMoreThanABatch; ++i) {
    NewKey wanted;
    wanted.name = name_ + "." + std::to_string(i);
    const auto id = client_.create(wanted);
    ASSERT_OK(id);
    ids.push_back(*id);
  }
  ids.insert(ids.begin() + 7, "999999");
  const auto all = client_.attributes(ids);
  ASSERT_OK(all);
  ASSERT_EQ(all->size(), kMoreThanABatch);
  for (size_t i = 0; i < kMoreThanABatch; ++i)
    EXPECT_THAT((*all)[i].names, ElementsAre(name_ + "." + std::to_string(i)));
}

TEST_P(PyKmip, TheServerEncryptsFrom14On) {
  NewKey wanted;
  wanted.name = name_;
  const auto id = client_.create(wanted);
  ASSERT_OK(id);
  ASSERT_TRUE(client_.activate(*id));
  const SecretBytes plain = SecretBytes::copy_of(as_bytes("a keyring key of thirty-two byte"));
  const auto sealed = client_.encrypt(*id, as_bytes("context"), plain);
  if (GetParam() < kKmip14) {
    EXPECT_EQ(sealed.code(), Code::kUnsupported);
    EXPECT_THAT(std::string(sealed.status().message()), HasSubstr("speaks KMIP " + GetParam().text()));
    return;
  }
  ASSERT_OK(sealed);
  const auto opened = client_.decrypt(*id, as_bytes("context"), *sealed);
  ASSERT_OK(opened);
  EXPECT_TRUE(std::ranges::equal(opened->reveal(), plain.reveal()));
  EXPECT_FALSE(client_.decrypt(*id, as_bytes("another context"), *sealed));
}

TEST(PyKmipGroup, TheVersionIsNegotiated) {
  const Client client = client_of(loopback_settings(server_port()));
  const auto abilities = client.query();
  ASSERT_OK(abilities);
  EXPECT_EQ(abilities->version, kKmip14);
  EXPECT_TRUE(abilities->can("Encrypt"_operation));
  EXPECT_FALSE(abilities->can("Set Attribute"_operation));
}

}  // namespace
}  // namespace coffer::kmip
