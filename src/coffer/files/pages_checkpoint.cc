// Bringing what the journal of a `pages` file holds to its place, and keeping its holes.
#include <algorithm>
#include <cstring>

#include "coffer/base/scratch.h"
#include "coffer/files/pages_writer.h"
#include "coffer/files/read_exactly.h"

namespace coffer {

Status PagesWriter::checkpoint() {
  COFFER_TRY(keys_.usable());  // without which its last root could not be sealed
  if (dirty_ || root_is_stale_) COFFER_TRY(sync_now());
  const bool shrinks = !state_.cut.empty();
  COFFER_TRY(apply_cuts());
  COFFER_TRY(apply_changes());
  // The root of before until then: the one to come relies upon what is in its place.
  root_is_stale_ = false;
  COFFER_TRY(sync_now());
  // From here on the journal is of no use: its records are of an epoch that is over.
  ++state_.root.epoch;
  state_.root.journal = 0;
  state_.records = 0;
  state_.journal_end = 0;
  proven_ = state_.pages();
  journal_durable_ = 0;
  failed_ = write_root();  // which root counts, and so which journal, is not known then
  COFFER_TRY(failed_);
  COFFER_TRY(sync_now());
  state_.changed.clear();
  state_.cut.clear();
  floor_ = state_.pages();
  if (!shrinks) return Status::ok();
  COFFER_TRY(clear_behind());
  return sync_now();
}

Status PagesWriter::finish() {
  COFFER_TRY(failed_);
  if (state_.root.journal != 0 || !state_.cut.empty()) {
    COFFER_TRY(checkpoint());
  } else if (dirty_) {
    COFFER_TRY(sync_now());
  }
  COFFER_TRY(write_root());
  return file_.truncate(state_.layout.end_of(state_.pages()));
}

Status PagesWriter::clear_behind() {
  const size_t index = state_.pages() % kPagesInGroup;
  if (index != 0 && !state_.in_hole_group(state_.pages())) {
    const std::array<XaesSeal, kPagesInGroup> nothing{};
    COFFER_TRY(put_seals(state_.pages(), std::span(nothing).subspan(index), TagBlock::State::kNothing));
  }
  return file_.truncate(state_.layout.end_of(state_.pages()));
}

Status PagesWriter::apply_changes() {
  std::vector<ChangedPage> pages;
  pages.reserve(state_.changed.size());
  for (const auto& [page, at] : state_.changed) {
    if (page < state_.pages()) pages.push_back({page, at});
  }
  std::ranges::sort(pages, {}, &ChangedPage::page);
  for (std::span<const ChangedPage> rest(pages); !rest.empty();) {
    const uint64_t end = (PagesLayout::group_of(rest.front().page) + 1) * kPagesInGroup;
    const auto next = std::ranges::lower_bound(rest, end, {}, &ChangedPage::page);
    const auto count = static_cast<size_t>(next - rest.begin());
    COFFER_TRY(apply_to_group(rest.first(count)));
    rest = rest.subspan(count);
  }
  return Status::ok();
}

// Of one group, in order: neighbours go by one call, and all their seals by another.
Status PagesWriter::apply_to_group(std::span<const ChangedPage> pages) {
  const uint64_t group = PagesLayout::group_of(pages.front().page);
  if (state_.in_hole_group(pages.front().page)) COFFER_TRY(materialize(group));
  TagBlock block;
  COFFER_TRY(state_.tags.get(file_, state_.layout, group, block));
  for (size_t i = 0; i < pages.size();) {
    size_t end = i + 1;
    while (end < pages.size() && pages[end].page == pages[end - 1].page + 1) ++end;
    COFFER_TRY(apply_run(pages.subspan(i, end - i)));
    for (; i < end; ++i) block.set(pages[i].page % kPagesInGroup, TagBlock::State::kPage, pages[i].at.seal);
  }
  return put_block(group, block, pages.front().page % kPagesInGroup, pages.back().page % kPagesInGroup + 1);
}

// Neighbours. Records that lie behind each other, too, are read by one call, and their headers taken out.
Status PagesWriter::apply_run(std::span<const ChangedPage> pages) {
  const uint64_t page_size = state_.layout.page_size(), step = PagesRecord::kHeaderSize + page_size;
  Scratch run(pages.size() * step);
  for (size_t i = 0; i < pages.size();) {
    const uint64_t begin = pages[i].at.offset;
    size_t count = 1;
    while (i + count < pages.size() && pages[i + count].at.offset == begin + count * step) ++count;
    uint8_t* const out = run.data() + i * page_size;
    COFFER_TRY(read_exactly(file_, begin, {out, count * step - PagesRecord::kHeaderSize}));
    for (size_t k = 1; k < count; ++k) std::memmove(out + k * page_size, out + k * step, page_size);
    i += count;
  }
  return file_.write_at(state_.layout.page_offset(pages.front().page), run.bytes().first(pages.size() * page_size));
}

Status PagesWriter::apply_cuts() {
  for (const auto& [first, end] : state_.cut.all()) COFFER_TRY(make_holes(first, std::min(end, state_.pages())));
  // No range of holes is left behind the end.
  const uint64_t groups = PagesLayout::group_of(state_.pages() + kPagesInGroup - 1);
  std::erase_if(state_.root.holes, [&](const GroupRange& range) { return range.first >= groups; });
  if (!state_.root.holes.empty() && state_.root.holes.back().end() > groups) {
    state_.root.holes.back().count = groups - state_.root.holes.back().first;
  }
  return Status::ok();
}

// [first, end): whole groups are remembered in the root, the others have a seal for each.
Status PagesWriter::make_holes(uint64_t first, uint64_t end) {
  if (first >= end) return Status::ok();
  const uint64_t first_group = PagesLayout::group_of(first + kPagesInGroup - 1);
  const uint64_t end_group = PagesLayout::group_of(end);
  if (first_group >= end_group) {
    const uint64_t border = std::clamp(first_group * kPagesInGroup, first, end);
    COFFER_TRY(make_holes_in_group(first, border));
    return make_holes_in_group(border, end);
  }
  COFFER_TRY(make_holes_in_group(first, first_group * kPagesInGroup));
  COFFER_TRY(make_holes_in_group(end_group * kPagesInGroup, end));
  return add_hole_groups(first_group, end_group);
}

Status PagesWriter::make_holes_in_group(uint64_t first, uint64_t end) {
  if (first >= end || state_.in_hole_group(first)) return Status::ok();
  std::array<XaesSeal, kPagesInGroup> seals;
  const Status sealed = keys_.with_form([&](const PagesCipher& cipher) -> Status {
    COFFER_ASSIGN(XaesSealing sealing, cipher.sealing());
    for (uint64_t page = first; page < end; ++page) {
      COFFER_TRY(PagesCipher::seal_hole(sealing, page, seals[page - first]));
    }
    return Status::ok();
  });
  COFFER_TRY(sealed);
  return put_seals(first, std::span(seals).first(end - first), TagBlock::State::kHole);
}

Status PagesWriter::add_hole_groups(uint64_t first, uint64_t end) {
  root_is_stale_ = true;
  auto& holes = state_.root.holes;
  // Those that touch it become part of it.
  std::erase_if(holes, [&](const GroupRange& range) {
    if (range.first > end || range.end() < first) return false;
    first = std::min(first, range.first);
    end = std::max(end, range.end());
    return true;
  });
  holes.insert(std::ranges::upper_bound(holes, first, {}, &GroupRange::first), {first, end - first});
  if (holes.size() > PagesRoot::kRangesMax) return fill_smallest_range();
  return Status::ok();
}

Status PagesWriter::fill_smallest_range() {
  const GroupRange smallest = *std::ranges::min_element(state_.root.holes, {}, &GroupRange::count);
  for (uint64_t group = smallest.first; group < smallest.end(); ++group) COFFER_TRY(materialize(group));
  return Status::ok();
}

Status PagesWriter::materialize(uint64_t group) {
  auto& holes = state_.root.holes;
  const auto range = std::prev(std::ranges::upper_bound(holes, group, {}, &GroupRange::first));
  const GroupRange behind{group + 1, range->end() - group - 1};
  range->count = group - range->first;
  const auto next = range->count == 0 ? holes.erase(range) : std::next(range);
  if (behind.count > 0) holes.insert(next, behind);
  root_is_stale_ = true;
  COFFER_TRY(make_holes_in_group(group * kPagesInGroup, (group + 1) * kPagesInGroup));
  return holes.size() > PagesRoot::kRangesMax ? fill_smallest_range() : Status::ok();
}

}  // namespace coffer
