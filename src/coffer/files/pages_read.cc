#include <algorithm>

#include "coffer/base/scratch.h"
#include "coffer/files/pages_state.h"
#include "coffer/files/read_exactly.h"

namespace coffer {
namespace {

constexpr size_t kAtOnce = 64;  // pages

struct PageAt {
  enum class What : uint8_t { kZeros, kHole, kPage };
  What what = What::kZeros;
  uint64_t offset = 0;
  XaesSeal seal{};
};

class PageFinder {
 public:
  PageFinder(const PagesState& state, const ReadableFile& file) : state_(state), file_(file) {}

  Result<PageAt> find(uint64_t page) {
    if (const auto changed = state_.changed.find(page); changed != state_.changed.end()) {
      return PageAt{PageAt::What::kPage, changed->second.offset, changed->second.seal};
    }
    if (state_.cut.contains(page) || state_.in_hole_group(page)) return PageAt{};
    const uint64_t group = PagesLayout::group_of(page);
    if (group != group_) {
      COFFER_TRY(state_.tags.get(file_, state_.layout, group, tags_));
      group_ = group;
    }
    const size_t index = page % kPagesInGroup;
    switch (tags_.state(index)) {
      case TagBlock::State::kPage:
        return PageAt{PageAt::What::kPage, state_.layout.page_offset(page), tags_.seal(index)};
      case TagBlock::State::kHole: return PageAt{PageAt::What::kHole, 0, tags_.seal(index)};
      case TagBlock::State::kNothing: break;
    }
    return {Code::kTampered, "page " + std::to_string(page) + " has no seal: it is damaged or was taken away"};
  }

 private:
  const PagesState& state_;
  const ReadableFile& file_;
  uint64_t group_ = ~uint64_t{0};
  TagBlock tags_;
};

// Reads the ciphertext of those that have some: what lies behind each other by one call.
Status fetch(const ReadableFile& file, uint64_t page_size, std::span<const PageAt> pages, uint8_t* out) {
  for (size_t i = 0; i < pages.size();) {
    size_t end = i + 1;
    if (pages[i].what != PageAt::What::kPage) {
      i = end;
      continue;
    }
    while (end < pages.size() && pages[end].what == PageAt::What::kPage &&
           pages[end].offset == pages[i].offset + (end - i) * page_size) {
      ++end;
    }
    COFFER_TRY(read_exactly(file, pages[i].offset, {out + i * page_size, (end - i) * page_size}));
    i = end;
  }
  return Status::ok();
}

Status open_fetched(const PagesCipher& cipher, uint64_t first, std::span<const PageAt> pages, uint8_t* out) {
  const uint64_t page_size = cipher.page_size();
  XaesOpening opening = cipher.opening();
  for (size_t i = 0; i < pages.size(); ++i) {
    uint8_t* page = out + i * page_size;
    if (pages[i].what == PageAt::What::kPage) {
      COFFER_TRY(cipher.open_page(opening, first + i, {page, page_size}, pages[i].seal, page));
      continue;
    }
    if (pages[i].what == PageAt::What::kHole) COFFER_TRY(cipher.check_hole(opening, first + i, pages[i].seal));
    std::fill_n(page, page_size, uint8_t{0});
  }
  return Status::ok();
}

}  // namespace

Result<std::unique_ptr<PagesKeys>> pages_keys(const OpenedFile& opened, std::shared_ptr<const ReadableFile> file) {
  COFFER_REQUIRE(opened.fields.kind == Kind::kPages, "a body is opened as the kind that its header says");
  const auto make = [file_id = opened.fields.file_id, page_log2 = opened.fields.chunk_log2](const FileKey& key) {
    return PagesCipher::create(key, file_id, page_log2);
  };
  COFFER_ASSIGN(PagesCipher cipher, make(opened.file_key));
  return std::make_unique<PagesKeys>(opened, std::move(file), std::move(cipher), make);
}

Status TagCache::get(const ReadableFile& file, const PagesLayout& layout, uint64_t group, TagBlock& out) const {
  {
    std::lock_guard lock(mutex_);
    const auto& entry = entries_[group % kBlocks];
    if (entry != nullptr && entry->group == group) {
      out = entry->block;
      return Status::ok();
    }
  }
  // While it is read, others go on.
  const MutableBytes bytes = out.bytes();
  COFFER_ASSIGN(const size_t count, file.read_at(layout.group_offset(group), bytes));
  std::fill(bytes.begin() + static_cast<ptrdiff_t>(count), bytes.end(), uint8_t{0});
  put(group, out);
  return Status::ok();
}

void TagCache::put(uint64_t group, const TagBlock& block) const {
  std::lock_guard lock(mutex_);
  auto& entry = entries_[group % kBlocks];
  if (entry == nullptr) entry = std::make_unique<Entry>();
  entry->group = group;
  entry->block = block;
}

void TagCache::clear() {
  std::lock_guard lock(mutex_);
  for (auto& entry : entries_) entry.reset();
}

bool PagesState::in_hole_group(uint64_t page) const {
  const uint64_t group = PagesLayout::group_of(page);
  const auto next = std::ranges::upper_bound(root.holes, group, {}, &GroupRange::first);
  return next != root.holes.begin() && group < std::prev(next)->end();
}

uint64_t PagesState::end_of_zeros(uint64_t page) const {
  if (changed.contains(page)) return page;
  uint64_t end = cut.end_of(page);
  if (end == page && in_hole_group(page)) {
    const uint64_t group = PagesLayout::group_of(page);
    end = std::prev(std::ranges::upper_bound(root.holes, group, {}, &GroupRange::first))->end() * kPagesInGroup;
  }
  if (end == page) return page;
  for (const auto& [number, at] : changed) {
    if (number > page && number < end) end = number;
  }
  return end;
}

void PagesState::cut_pages(uint64_t first, uint64_t end) {
  std::erase_if(changed, [&](const auto& entry) { return entry.first >= first && entry.first < end; });
  cut.add(first, end);
}

Status read_pages(const PagesState& state, const ReadableFile& file, PagesKeys& keys, uint64_t first,
                  MutableBytes out) {
  const uint64_t page_size = state.layout.page_size();
  PageFinder finder(state, file);
  std::array<PageAt, kAtOnce> pages;
  const auto read = [&]() -> Status {
    const uint64_t count = out.size() / page_size;
    for (uint64_t done = 0; done < count; done += kAtOnce) {
      const size_t some = std::min<uint64_t>(kAtOnce, count - done);
      for (size_t i = 0; i < some; ++i) {
        COFFER_ASSIGN(pages[i], finder.find(first + done + i));
      }
      uint8_t* to = out.data() + done * page_size;
      COFFER_TRY(fetch(file, page_size, std::span(pages).first(some), to));
      COFFER_TRY(keys.with_form([&](const PagesCipher& cipher) {
        return open_fetched(cipher, first + done, std::span(pages).first(some), to);
      }));
    }
    return Status::ok();
  };
  Status status = read();
  if (!status.is_ok()) std::ranges::fill(out, uint8_t{0});
  return status;
}

Result<uint64_t> find_page(const PagesState& state, const ReadableFile& file, uint64_t page, bool data) {
  PageFinder finder(state, file);
  while (page < state.pages()) {
    if (const uint64_t end = state.end_of_zeros(page); end > page) {
      if (!data) return page;
      page = end;
      continue;
    }
    COFFER_ASSIGN(const PageAt found, finder.find(page));
    if ((found.what == PageAt::What::kPage) == data) return page;
    ++page;
  }
  return state.pages();
}

Status read_pages_range(const PagesState& state, const ReadableFile& file, PagesKeys& keys, uint64_t offset,
                        MutableBytes out) {
  const uint64_t page_size = state.layout.page_size();
  const auto read = [&]() -> Status {
    MutableBytes rest = out;
    for (uint64_t at = offset; !rest.empty();) {
      const uint64_t inside = at % page_size;
      uint64_t size = rest.size() / page_size * page_size;
      if (inside == 0 && size > 0) {
        COFFER_TRY(read_pages(state, file, keys, state.layout.page_of(at), rest.first(size)));
      } else {
        size = std::min<uint64_t>(rest.size(), page_size - inside);
        Scratch page(page_size);
        COFFER_TRY(read_pages(state, file, keys, state.layout.page_of(at), page.bytes()));
        std::copy_n(page.data() + inside, size, rest.data());
      }
      at += size;
      rest = rest.subspan(size);
    }
    return Status::ok();
  };
  Status status = read();
  if (!status.is_ok()) std::ranges::fill(out, uint8_t{0});
  return status;
}

}  // namespace coffer
