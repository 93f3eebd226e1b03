#include "coffer/store/file_counts.h"

#include "coffer/base/path.h"

namespace coffer {
namespace {

constexpr size_t kCountsSizeMax = size_t{256} << 20;

// Never below nothing: who took a file away may not have been told that it came.
uint64_t changed_by(uint64_t count, int64_t change) {
  if (change >= 0) return count + static_cast<uint64_t>(change);
  const uint64_t less = uint64_t{0} - static_cast<uint64_t>(change);
  return count > less ? count - less : 0;
}

int64_t difference(uint64_t now, uint64_t before) { return static_cast<int64_t>(now - before); }

}  // namespace

GrowingFile::GrowingFile(FileCounts& owner, CountedFile file, bool there)
    : owner_(owner), size_(file.size), told_(file), is_told_(there), since_(now_milliseconds()) {
  std::lock_guard lock(owner_.mutex_);
  owner_.growing_.insert(this);
}

GrowingFile::GrowingFile(FileCounts& owner, const CountedFile& file, Look look)
    : owner_(owner), size_(file.size), told_(file), is_told_(true), since_(now_milliseconds()), look_(std::move(look)) {
  std::lock_guard lock(owner_.mutex_);
  owner_.growing_.insert(this);
}

GrowingFile::~GrowingFile() {
  if (!owner_.process_.is_here()) return;
  std::lock_guard lock(owner_.mutex_);
  owner_.settle(*this);
  owner_.growing_.erase(this);
}

void GrowingFile::settle() {
  if (!owner_.process_.is_here()) return;
  std::lock_guard lock(owner_.mutex_);
  owner_.settle(*this);
}

void GrowingFile::is_gone() {
  if (!owner_.process_.is_here()) return;
  std::lock_guard lock(owner_.mutex_);
  if (is_told_ && owner_.are_kept()) owner_.note({since_, told_.store, told_.of}, {-1, -difference(told_.size, 0)});
  is_told_ = false;
  size_ = 0;
}

void GrowingFile::is_under(const Id& key) {
  std::lock_guard lock(owner_.mutex_);
  owner_.settle(*this);
  const FileClass now{.what = FileClass::What::kEncrypted, .key = key};
  if (now == told_.of) return;
  if (is_told_ && owner_.are_kept()) {
    const int64_t size = difference(told_.size, 0);
    owner_.note({since_, told_.store, told_.of}, {-1, -size});
    owner_.note({since_, told_.store, now}, {1, size});
  }
  told_.of = now;
}

FileCounts::FileCounts(Disk& disk, const std::string& directory, const LiveKeyring& keyring, const Places& places)
    : keyring_(keyring),
      places_(places),
      kept_(KeptFile(disk, directory, "counts"), "counts", "coffer/v1 counts of files", kCountsSizeMax, keyring) {}

FileCounts::~FileCounts() {
  // Who is going has nobody to tell; what is lost is a count.
  if (process_.is_here()) [[maybe_unused]]
    const Status lost = save();
}

Result<std::optional<CountedFiles>> FileCounts::load() const {
  COFFER_ASSIGN(const std::optional<std::string> text, kept_.load());
  if (!text) return std::optional<CountedFiles>();
  std::optional<CountedFiles> out = parse_counted(*text);
  if (!out) return kept_.not_ours();
  return out;
}

Status FileCounts::keep(const CountedFiles& counted, Keep how) {
  if (how == Keep::kIfMany && counted.files() < kFew && !are_kept()) return Status::ok();
  const Status kept = [&]() -> Status {
    COFFER_ASSIGN(auto lock, kept_.file().lock());
    const auto before = load();
    if (!before.is_ok() && (how != Keep::kAlways || before.code() != Code::kTampered)) return before.status();
    if (before.is_ok() && *before && (*before)->begun > counted.begun) return Status::ok();
    return kept_.replace(counted_text(counted));
  }();
  return kept.with_context("counts of files");
}

bool FileCounts::are_kept() const { return kept_.file().disk().info(kept_.file().path()).code() != Code::kNotFound; }

Id FileCounts::store_of(const std::string& path) const {
  const std::shared_ptr<const Keyring> keys = keyring_.snapshot();
  const Place place = places_.of_directory(*keys, std::string(parent_of(path)));
  return place.store != nullptr ? place.store->id : Id();
}

void FileCounts::changed(const std::optional<CountedFile>& from, const std::optional<CountedFile>& to) {
  if ((!from && !to) || !process_.is_here() || !are_kept()) return;
  constexpr CountedFile kNothing{.names = 0};
  const uint64_t now = now_milliseconds();
  std::lock_guard lock(mutex_);
  note_change(now, from.value_or(kNothing), to.value_or(kNothing));
}

void FileCounts::note_change(uint64_t at, const CountedFile& from, const CountedFile& to) {
  if (from == to) return;
  if (from.names > 0) {
    note({at, from.store, from.of}, {-difference(from.names, 0), -difference(from.names * from.size, 0)});
  }
  if (to.names > 0) note({at, to.store, to.of}, {difference(to.names, 0), difference(to.names * to.size, 0)});
}

void FileCounts::note(const When& when, const Change& change) {
  const auto [place, is_new] = changes_.try_emplace(when);
  place->second.files += change.files;
  place->second.bytes += change.bytes;
  if (is_new && changes_.size() % kChangesMax == 0) merge(when.at);
}

void FileCounts::merge(uint64_t at) {
  Changes merged;
  for (const auto& [when, change] : changes_) {
    Change& sum = merged[{at, when.store, when.of}];
    sum.files += change.files;
    sum.bytes += change.bytes;
  }
  changes_ = std::move(merged);
}

// A change counts as of the time when the file was as it is counted so far: a full count that began after that has seen
// at least the beginning of it.
void FileCounts::settle(GrowingFile& file) {
  if (file.look_) return settle_by_look(file);
  const uint64_t size = file.size_.load(std::memory_order_relaxed);
  const bool is_news = file.is_told_ ? size != file.told_.size : size > 0;
  if (is_news && are_kept()) {
    const uint64_t before = file.is_told_ ? file.told_.size : 0;
    const uint64_t at = file.is_told_ ? file.since_ : file.begun_.load(std::memory_order_relaxed);
    note({at, file.told_.store, file.told_.of}, {file.is_told_ ? 0 : 1, difference(size, before)});
  }
  if (is_news) {
    file.is_told_ = true;
    file.told_.size = size;
  }
  if (file.is_told_) file.since_ = now_milliseconds();
}

void FileCounts::settle_by_look(GrowingFile& file) {
  if (!are_kept()) return;
  const uint64_t now = now_milliseconds();
  const std::optional<CountedFile> found = file.look_();
  if (!found) return;
  note_change(file.since_, file.told_, *found);
  file.told_ = *found;
  file.since_ = now;
}

FileCounts::Changes FileCounts::take() {
  std::lock_guard lock(mutex_);
  for (GrowingFile* file : growing_) settle(*file);
  return std::exchange(changes_, {});
}

void FileCounts::give_back(const Changes& changes) {
  std::lock_guard lock(mutex_);
  for (const auto& [when, change] : changes) note(when, change);
}

// What came before the full count has been seen by it; and a store that it lacks is counted as a whole by the next.
void FileCounts::apply(const Changes& changes, CountedFiles& counted) {
  for (const auto& [when, change] : changes) {
    const auto store = counted.stores.find(when.store);
    if (when.at < counted.begun || store == counted.stores.end()) continue;
    Usage& usage = store->second.by_class[when.of];
    usage.files = changed_by(usage.files, change.files);
    usage.bytes = changed_by(usage.bytes, change.bytes);
  }
  for (auto& [store, counts] : counted.stores) {
    std::erase_if(counts.by_class, [](const auto& each) { return each.second.files == 0; });
  }
}

Status FileCounts::save() {
  const Changes taken = take();
  if (taken.empty() || !are_kept()) return Status::ok();
  const Status saved = [&]() -> Status {
    COFFER_ASSIGN(auto lock, kept_.file().lock());
    COFFER_ASSIGN(std::optional<CountedFiles> counted, load());
    if (!counted) return Status::ok();
    apply(taken, *counted);
    return kept_.replace(counted_text(*counted));
  }();
  // Nothing is added to what somebody else wrote.
  if (!saved.is_ok() && saved.code() != Code::kTampered) give_back(taken);
  return saved.with_context("counts of files");
}

}  // namespace coffer
