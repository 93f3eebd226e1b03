#include "coffer/files/pages_body.h"

#include <algorithm>

#include "coffer/files/body.h"

namespace coffer {
namespace {

// What the newest of the roots says; nothing where there is none.
Result<PagesRoot> look_at_root(const ReadableFile& file) {
  PagesRoot out;
  Bytes slot(PagesRoot::kSlotSize);
  for (const uint64_t offset : PagesLayout::kRootOffsets) {
    COFFER_ASSIGN(const size_t count, file.read_at(offset, slot));
    auto root = PagesRoot::look_at(ByteView(slot).first(count));
    if (root && root->sequence > out.sequence) out = std::move(*root);
  }
  return out;
}

class PagesBody final : public ReadOnlyBody {
 public:
  PagesBody() : ReadOnlyBody("a pages file is changed in place and not written from front to back") {}

  // A journal that a crash left may know better than the root.
  Result<uint64_t> measure(const EnvelopeFields& fields, std::shared_ptr<const ReadableFile> file,
                           uint64_t) const override {
    COFFER_ASSIGN(const PagesLayout layout, PagesLayout::create(fields.chunk_log2));
    COFFER_ASSIGN(const PagesRoot root, look_at_root(*file));
    uint64_t size = root.size;
    std::array<uint8_t, PagesRecord::kHeaderSize> header;
    uint64_t at = root.journal;
    for (uint64_t number = 1; at != 0; ++number) {
      COFFER_ASSIGN(const size_t count, file->read_at(at, header));
      const auto record = PagesRecord::look_at(ByteView(header).first(count));
      if (!record || record->epoch != root.epoch || record->number != number) break;
      if (number > root.records) size = record->size;
      at += record->total_size(layout.page_size());
    }
    return size;
  }
  Result<OpenBody> open(const OpenedFile& opened, std::shared_ptr<const ReadableFile> file, uint64_t,
                        EngineRole) const override {
    COFFER_ASSIGN(OpenPages pages, OpenPages::open(opened, std::move(file)));
    return OpenBody(std::move(pages));
  }
};

}  // namespace

OpenPages::OpenPages(std::shared_ptr<const ReadableFile> file, std::unique_ptr<PagesKeys> keys,
                     std::unique_ptr<PagesState> state)
    : file_(std::move(file)), keys_(std::move(keys)), state_(std::move(state)) {}

Result<OpenPages> OpenPages::open(const OpenedFile& opened, std::shared_ptr<const ReadableFile> file) {
  COFFER_ASSIGN(const PagesLayout layout, PagesLayout::create(opened.fields.chunk_log2));
  COFFER_ASSIGN(std::unique_ptr<PagesKeys> keys, pages_keys(opened, file));
  auto state = std::make_unique<PagesState>(layout);
  COFFER_TRY(load_pages(*state, *file, *keys));
  return OpenPages(std::move(file), std::move(keys), std::move(state));
}

Result<size_t> OpenPages::read(uint64_t offset, MutableBytes out) {
  if (offset >= state_->size) return size_t{0};
  const size_t count = std::min<uint64_t>(out.size(), state_->size - offset);
  COFFER_TRY(read_pages_range(*state_, *file_, *keys_, offset, out.first(count)));
  return count;
}

const Body& pages_body() {
  static const PagesBody body;
  return body;
}

Result<bool> pages_are_at_rest(const EnvelopeFields& fields, const ReadableFile& file, uint64_t physical_size) {
  COFFER_ASSIGN(const PagesLayout layout, PagesLayout::create(fields.chunk_log2));
  COFFER_ASSIGN(const PagesRoot root, look_at_root(file));
  const uint64_t pages = layout.page_count(root.size);
  // A root of more than a sector may be torn, and then another counts.
  return root.journal == 0 && root.proven == pages && root.holes.empty() && physical_size == layout.end_of(pages);
}

}  // namespace coffer
