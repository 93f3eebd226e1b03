#include "coffer/format/pages_layout.h"

namespace coffer {

Result<PagesLayout> PagesLayout::create(int page_log2) {
  if (page_log2 < kPageLog2Min || page_log2 > kPageLog2Max) {
    return {Code::kInvalidArgument, "pages have 1024 to 65536 bytes, not 2^" + std::to_string(page_log2)};
  }
  return PagesLayout(page_log2);
}

}  // namespace coffer
