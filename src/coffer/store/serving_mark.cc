#include "coffer/store/serving_mark.h"

#include "coffer/crypto/random.h"

namespace coffer {
namespace {

constexpr uint32_t kServingMarkMode = 0600;
// The file is empty: bytes that are locked need not be there. By chance two programs of 1000 take the same one once in
// a million times; the later one tries another then.
constexpr uint64_t kServingMarkBytes = uint64_t{1} << 40;

}  // namespace

Result<std::unique_ptr<WritableFile>> ServingMark::open() const {
  auto made = disk_.create(path_, kServingMarkMode);
  if (made.code() != Code::kAlreadyExists) return made;
  COFFER_ASSIGN(const std::string target, disk_.link_target(path_));
  if (!target.empty()) return {Code::kInvalidArgument, path_ + " is a symbolic link, which is not followed; remove it"};
  return disk_.open_write(path_);
}

Status ServingMark::hold() {
  if (held_ != nullptr) return Status::ok();
  COFFER_ASSIGN(auto file, open());
  COFFER_TRY(file->lock_range(random_number() % kServingMarkBytes, 1));
  held_ = std::move(file);
  return Status::ok();
}

bool ServingMark::is_last(std::unique_ptr<WritableFile>& out) {
  if (held_ == nullptr) return false;
  held_.reset();
  auto file = open();
  if (!file.is_ok() || !(*file)->lock_range(0, kServingMarkBytes).is_ok()) return false;
  out = std::move(*file);
  return true;
}

}  // namespace coffer
