#include "coffer/engines/sqlite/growth.h"

#include "coffer/engines/sqlite/api.h"
#include "coffer/engines/sqlite/coffers.h"
#include "coffer/files/counted_file.h"

namespace coffer::sqlite {
namespace {

// What this thread has closed last, until it closes, opens or removes another: SQLite removes a journal right after
// that, for each transaction, and then it is as if it had never been.
struct Closed {
  std::shared_ptr<Coffer> coffer;
  std::string path;
  std::unique_ptr<GrowingFile> listing;
  bool is_own = false;  // all that it has was written, and told, by this process
};
thread_local Closed closed_last;

struct Found {
  std::shared_ptr<Coffer> coffer;
  CountedFile file;
};

// What a look at the file says. It is of one of the coffers that are open here, or of none.
std::optional<Found> find_counted(const std::string& path) {
  for (const std::shared_ptr<Coffer>& coffer : open_coffers()) {
    const auto file = counted_at(*coffer, path);
    if (file && coffer->keyring()->find_key(file->of.key).domain != nullptr) return Found{coffer, *file};
  }
  return std::nullopt;
}

}  // namespace

void Growth::begin(std::shared_ptr<Coffer> coffer, std::string path, const EnvelopeFields& header, bool is_new) {
  coffer_ = std::move(coffer);
  path_ = std::move(path);
  is_new_ = is_new;
  FileCounts& counts = coffer_->file_counts();
  CountedFile file;
  file.store = is_new ? header.store_id : counts.store_of(path_);
  file.of = {.what = FileClass::What::kEncrypted, .key = header.domain_key_id};
  listing_ = std::make_unique<GrowingFile>(counts, file, !is_new);
  told_ = 0;
  if (is_new) measured(0);
}

Growth::~Growth() {
  settle_closed();
  if (listing_ == nullptr) return;
  const bool is_own = is_new_ && is_exact_ && told_ == size_;
  closed_last = {std::move(coffer_), std::move(path_), std::move(listing_), is_own};
}

void Growth::became(uint64_t size) {
  if (listing_ == nullptr) return;
  told_ += size - size_;  // whatever it had before it was opened
  size_ = size;
  listing_->reached(told_);
}

void settle_closed() {
  closed_last.listing.reset();  // before the coffer that it is of
  closed_last = {};
}

int remove_counted(const std::string& path, const std::function<int()>& remove) {
  const bool is_own = closed_last.is_own && closed_last.path == path;
  const auto found = is_own ? std::nullopt : find_counted(path);
  const int result = remove();
  if (result == SQLITE_OK && is_own) closed_last.listing->is_gone();
  if (result == SQLITE_OK && found) found->coffer->file_counts().changed(found->file, std::nullopt);
  settle_closed();
  return result;
}

}  // namespace coffer::sqlite
