#include "coffer/base/crc32c.h"

#include <gtest/gtest.h>

#include "support/vectors.h"

namespace coffer {
namespace {

TEST(Vectors, Crc32c) {
  for_each_vector("crc32c.txt", [](VectorRecord& record) {
    SCOPED_TRACE(record.text("case"));
    uint32_t expected = static_cast<uint32_t>(std::strtoul(record.text("crc").c_str(), nullptr, 16));
    EXPECT_EQ(crc32c(record.hex("data")), expected);
  });
}

}  // namespace
}  // namespace coffer
