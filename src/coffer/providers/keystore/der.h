// Strict, bounded reading and writing of DER (X.690), as far as keystores need it: definite lengths in their shortest
// form, one-byte tags. Nothing is copied; views are into what is read.
#pragma once

#include "coffer/base/bytes.h"

namespace coffer::keystore {

enum class Tag : uint8_t {
  kInteger = 0x02,
  kOctetString = 0x04,
  kNull = 0x05,
  kOid = 0x06,
  kBmpString = 0x1e,
  kSequence = 0x30,
  kSet = 0x31,
  kContext0Primitive = 0x80,
  kContext0 = 0xa0,
};

// Reads elements from front to back. After the first one that is not there or not as asked for, every read returns
// nothing and ok() is false.
class DerReader {
 public:
  explicit DerReader(ByteView bytes, bool ok = true) : rest_(bytes), ok_(ok) {}

  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }
  // Everything was read and nothing is left.
  bool finished() const { return ok_ && rest_.empty(); }
  bool next_is(Tag tag) const { return ok_ && !rest_.empty() && rest_.front() == static_cast<uint8_t>(tag); }

  // The contents of the next element.
  ByteView take(Tag tag);
  // The next element with its tag and length, whatever it is.
  ByteView take_element();
  DerReader enter(Tag tag) {
    const ByteView contents = take(tag);
    return DerReader(contents, ok_);
  }
  // From 0 to 2^31 - 1.
  uint32_t number();

 private:
  // The sizes of header and contents of what is next; false when it is malformed or longer than what is left.
  bool measure(size_t& header, size_t& contents) const;

  ByteView rest_;
  bool ok_;
};

// An element around contents that are written already; innermost first.
Bytes der(Tag tag, ByteView contents);
Bytes der(Tag tag, std::initializer_list<ByteView> parts);
Bytes der_number(uint32_t value);

}  // namespace coffer::keystore
