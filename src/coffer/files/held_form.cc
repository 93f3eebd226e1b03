#include "coffer/files/held_form.h"

#include "coffer/files/read_exactly.h"

namespace coffer {

Result<EnvelopeScan> scan_again(const ReadableFile& file) {
  Bytes start(kEnvelopeSize);
  COFFER_TRY(read_exactly(file, 0, start));
  return scan_envelope(start);
}

}  // namespace coffer
