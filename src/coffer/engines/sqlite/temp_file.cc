#include "coffer/engines/sqlite/temp_file.h"

#include <algorithm>

#include "coffer/base/codec.h"
#include "coffer/engines/sqlite/failure.h"

namespace coffer::sqlite {
namespace {

std::array<uint8_t, 8> place_of(uint64_t index) {
  std::array<uint8_t, 8> out;
  store_le64(out.data(), index);
  return out;
}

}  // namespace

Result<std::unique_ptr<File>> TempFile::create(sqlite3_file* base) {
  COFFER_ASSIGN(SqliteKey key, SqliteKey::create_random());
  return std::unique_ptr<File>(new TempFile(base, std::move(key)));
}

int TempFile::flush() {
  if (!changed_) return SQLITE_OK;
  const uint64_t index = *written_.index;
  auto sealing = SqliteSealing::begin(key_);
  const Status status = sealing.is_ok()
                            ? sealing->seal(place_of(index), written_.block, sealed_.data(), &sealed_[kBlockSize])
                            : sealing.status();
  if (!status.is_ok()) return failed(status, "a temporary file");
  const int result = File::write(sealed_, index * kStride);
  if (result != SQLITE_OK) return result;
  changed_ = false;
  sealed_end_ = std::max(sealed_end_, index + 1);
  return SQLITE_OK;
}

int TempFile::read_block(uint64_t index, Block& out) {
  out.fill(0);
  if (index >= sealed_end_) return SQLITE_OK;
  const int result = File::read(sealed_, index * kStride);
  if (result != SQLITE_OK && result != SQLITE_IOERR_SHORT_READ) return result;
  const bool is_hole = is_all_zero(sealed_);  // a block that was left out
  const ByteView content = ByteView(sealed_).first(kBlockSize);
  if (is_hole || key_.open(place_of(index), content, &sealed_[kBlockSize], out.data())) return SQLITE_OK;
  return failed({Code::kTampered, "block " + std::to_string(index) + " is not as it was written"}, "a temporary file");
}

int TempFile::load(uint64_t index, bool is_replaced) {
  if (written_.index == index) return SQLITE_OK;
  int result = flush();
  if (result != SQLITE_OK) return result;
  written_.index.reset();
  if (is_replaced) {
    written_.block.fill(0);
  } else if (result = read_block(index, written_.block); result != SQLITE_OK) {
    return result;
  }
  written_.index = index;
  if (read_.index == index) read_.index.reset();
  return SQLITE_OK;
}

int TempFile::look(uint64_t index) {
  if (written_.index == index || read_.index == index) return SQLITE_OK;
  read_.index.reset();
  const int result = read_block(index, read_.block);
  if (result == SQLITE_OK) read_.index = index;
  return result;
}

int TempFile::read(MutableBytes out, uint64_t offset) {
  std::ranges::fill(out, uint8_t{0});
  const uint64_t count = std::min<uint64_t>(out.size(), size_ - std::min(offset, size_));
  for (uint64_t done = 0; done < count;) {
    const uint64_t at = offset + done, index = at / kBlockSize;
    const int result = look(index);
    if (result != SQLITE_OK) return result;
    const Block& block = written_.index == index ? written_.block : read_.block;
    const uint64_t piece = std::min<uint64_t>(kBlockSize - at % kBlockSize, count - done);
    std::copy_n(block.begin() + at % kBlockSize, piece, out.begin() + static_cast<ptrdiff_t>(done));
    done += piece;
  }
  return count == out.size() ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

int TempFile::write(ByteView bytes, uint64_t offset) {
  for (uint64_t done = 0; done < bytes.size();) {
    const uint64_t at = offset + done;
    const uint64_t piece = std::min<uint64_t>(kBlockSize - at % kBlockSize, bytes.size() - done);
    const int result = load(at / kBlockSize, piece == kBlockSize);
    if (result != SQLITE_OK) return result;
    std::copy_n(bytes.begin() + static_cast<ptrdiff_t>(done), piece, written_.block.begin() + at % kBlockSize);
    changed_ = true;
    done += piece;
  }
  size_ = std::max(size_, offset + bytes.size());
  return SQLITE_OK;
}

// What is cut off is zeros if the file grows over it again.
int TempFile::truncate(uint64_t size) {
  if (size >= size_) return SQLITE_OK;
  const uint64_t tail = size % kBlockSize;
  if (tail != 0) {
    const int result = load(size / kBlockSize, false);
    if (result != SQLITE_OK) return result;
    std::fill(written_.block.begin() + static_cast<ptrdiff_t>(tail), written_.block.end(), uint8_t{0});
    changed_ = true;
  }
  const uint64_t blocks = (size + kBlockSize - 1) / kBlockSize;
  if (written_.index && *written_.index >= blocks) {
    written_.index.reset();
    changed_ = false;
  }
  if (read_.index && *read_.index >= blocks) read_.index.reset();
  size_ = size;
  if (sealed_end_ <= blocks) return SQLITE_OK;
  sealed_end_ = blocks;
  return File::truncate(blocks * kStride);
}

int TempFile::size(uint64_t* size) {
  *size = size_;
  return SQLITE_OK;
}

int TempFile::control(int operation, void* argument) {
  switch (operation) {
    case SQLITE_FCNTL_SIZE_HINT:
    case SQLITE_FCNTL_CHUNK_SIZE: return SQLITE_OK;
    case SQLITE_FCNTL_MMAP_SIZE: *static_cast<sqlite3_int64*>(argument) = 0; return SQLITE_OK;
    default: return File::control(operation, argument);
  }
}

}  // namespace coffer::sqlite
