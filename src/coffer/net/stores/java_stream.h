// Java's object serialisation, as far as JCEKS keystores need it: one object of one of four known classes, whose fields
// are byte arrays, strings and one enumeration. Everything else is refused, by the class's name.
#pragma once

#include <utility>
#include <vector>

#include "coffer/base/status.h"
#include "coffer/net/stores/big_endian.h"

namespace coffer::keystore {

struct JavaObject {
  std::string_view class_name;
  std::vector<std::pair<std::string_view, ByteView>> fields;  // null is empty; views into the stream

  ByteView field(std::string_view name) const {
    for (const auto& [known, value] : fields) {
      if (known == name) return value;
    }
    return {};
  }
};

// From the stream's magic on; the reader then stands behind the object. kInvalidArgument for what is malformed,
// kUnsupported for other classes.
Result<JavaObject> read_java_object(BigEndianReader& reader);

}  // namespace coffer::keystore
