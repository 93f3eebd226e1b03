// What a `pages` file has to hold: its contents as a string, and all that a crash may leave of it.
#pragma once

#include <random>

#include "coffer/files/pages_file.h"
#include "store/coffer_fixture.h"
#include "support/memory_disk.h"

namespace coffer {

inline constexpr size_t kModelPage = 1024;

// A step that changes a file, by chance: small and large writes, appends, holes, cuts and growth.
struct PagesStep {
  enum class What { kWrite, kTruncate, kPunch, kSync };
  What what = What::kWrite;
  uint64_t offset = 0;
  uint64_t size = 0;
  std::string data;

  static PagesStep any(std::mt19937_64& random, uint64_t file_size, uint64_t size_max) {
    const auto below = [&](uint64_t limit) { return random() % limit; };
    PagesStep out;
    switch (below(10)) {
      case 0: out.what = What::kSync; return out;
      case 1:
        out.what = What::kTruncate;
        out.size = below(3) == 0 ? below(size_max) : below(file_size + 1);
        return out;
      case 2:
        out.what = What::kPunch;
        out.offset = below(file_size + 1);
        out.size = 1 + below(6 * kModelPage);
        return out;
      default: break;
    }
    out.offset = below(4) == 0 ? file_size : below(file_size + 1 + (below(8) == 0 ? size_max / 2 : 0));
    out.size = 1 + below(below(3) == 0 ? 8 * kModelPage : 600);
    if (below(3) == 0) {  // whole pages, as databases write them
      out.offset = out.offset / kModelPage * kModelPage;
      out.size = (1 + below(6)) * kModelPage;
    }
    if (out.offset + out.size > size_max) out.offset = below(size_max - out.size);
    out.data.resize(out.size);
    for (char& c : out.data) c = static_cast<char>(random());
    return out;
  }

  Status run(PagesFile& file) const {
    switch (what) {
      case What::kWrite: return file.write(offset, as_bytes(data));
      case What::kTruncate: return file.truncate(size);
      case What::kPunch: return file.punch_hole(offset, size);
      case What::kSync: break;
    }
    return file.sync();
  }
  void run(std::string& text) const {
    switch (what) {
      case What::kWrite:
        if (text.size() < offset + data.size()) text.resize(offset + data.size());
        text.replace(offset, data.size(), data);
        break;
      case What::kTruncate: text.resize(size); break;
      case What::kPunch:
        for (uint64_t i = offset; i < std::min<uint64_t>(offset + size, text.size()); ++i) text[i] = 0;
        break;
      case What::kSync: break;
    }
  }
};

inline Result<std::string> whole_text(const PagesFile& file) {
  std::string out(file.size(), '\xee');
  COFFER_ASSIGN(const size_t count,
                file.read(0, MutableBytes(reinterpret_cast<uint8_t*>(out.data()), out.size())));
  out.resize(count);
  return out;
}

// What a file may be after a crash: one of these, page by page.
class PagesPast {
 public:
  // Nothing older counts any more.
  void durable(const std::string& text) { texts_ = {text}; }
  void add(const std::string& text) { texts_.push_back(text); }

  // Empty, or what is wrong.
  std::string judge(const std::string& found) const {
    if (!size_is_possible(found.size())) return "size " + std::to_string(found.size());
    for (size_t at = 0; at < found.size(); at += kModelPage) {
      const size_t size = std::min(kModelPage, found.size() - at);
      if (std::ranges::none_of(texts_, [&](const std::string& text) {
            return page_of(text, at, size) == found.substr(at, size);
          })) {
        return "page " + std::to_string(at / kModelPage) + " was never that";
      }
    }
    return {};
  }

 private:
  static std::string page_of(const std::string& text, size_t at, size_t size) {
    std::string out = at < text.size() ? text.substr(at, size) : std::string();
    out.resize(size);
    return out;
  }

  // Growth that was not synced may have come to the disk up to some page.
  bool size_is_possible(size_t size) const {
    size_t least = ~size_t{0}, most = 0;
    for (const std::string& text : texts_) {
      if (text.size() == size) return true;
      least = std::min(least, text.size());
      most = std::max(most, text.size());
    }
    return size % kModelPage == 0 && size >= least && size <= most;
  }

  std::vector<std::string> texts_ = {""};
};

class PagesFixture : public CofferFixture {
 protected:
  static constexpr const char* kPath = "/file";
  // Small, so that journals end and files run into them all the time.
  static constexpr PagesLimits kTight{.journal_max = 24 << 10, .room_to_grow = 4 << 10};

  Result<NewFile> header(int page_log2 = 10) {
    return coffer_->new_file({.kind = Kind::kPages, .suite = Suite::kXaes256Gcm, .chunk_log2 = page_log2});
  }
  Result<std::unique_ptr<PagesFile>> create(Disk& disk, int page_log2 = 10, const PagesLimits& limits = kTight) {
    COFFER_ASSIGN(const NewFile head, header(page_log2));
    COFFER_ASSIGN(auto file, disk.create(kPath, 0600));
    return PagesFile::create(head, std::move(file), limits);
  }
  Result<OpenedFile> unlock(Disk& disk) {
    COFFER_ASSIGN(const std::shared_ptr<ReadableFile> readable, disk.open_read(kPath));
    COFFER_ASSIGN(const FileHead head, read_head(*readable, kPath));
    COFFER_TRY(head.refusal);
    if (head.is(FileHead::What::kNothing)) return {Code::kNotFound, "an empty file"};
    return coffer_->unlock(head.scan, kPath);
  }
  Result<std::unique_ptr<PagesFile>> open(Disk& disk, const PagesLimits& limits = kTight) {
    COFFER_ASSIGN(const OpenedFile opened, unlock(disk));
    COFFER_ASSIGN(auto file, disk.open_write(kPath));
    return PagesFile::open(opened, std::move(file), limits);
  }
  // kNotFound is an empty file.
  Result<std::string> text_of(Disk& disk) {
    auto file = open(disk);
    if (file.code() == Code::kNotFound) return std::string();
    COFFER_TRY(file.status());
    return whole_text(**file);
  }
};

}  // namespace coffer
