// The mount with the cipher left out: the same file system over plain files, to know what FUSE itself costs.
//
//   coffer_pass_through STORE MOUNTPOINT [--write-back]
#include <fcntl.h>
#include <linux/falloc.h>

#include <cstdio>
#include <string_view>

#include "coffer/engines/fuse/session.h"
#include "coffer/io/posix_file.h"

namespace coffer::fusefs {
namespace {

class PlainBody final : public FileBody {
 public:
  explicit PlainBody(Descriptor file) : fd_(file.get()), file_(posix::file_of(std::move(file), "a plain file")) {}

  Result<size_t> read(uint64_t offset, MutableBytes out) override { return file_->read_at(offset, out); }
  Status write(uint64_t offset, ByteView data) override { return file_->write_at(offset, data); }
  Status append(ByteView data) override { return file_->write_at(size(), data); }
  Status truncate(uint64_t size) override { return file_->truncate(size); }
  Status punch_hole(uint64_t offset, uint64_t size) override {
    return done(::fallocate(fd_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                            static_cast<off_t>(size)) == 0);
  }
  Status reserve(uint64_t size) override { return done(::fallocate(fd_, 0, 0, static_cast<off_t>(size)) == 0); }
  Result<uint64_t> seek_data(uint64_t offset) override { return file_->next_data(offset); }
  Result<uint64_t> seek_hole(uint64_t) override { return size(); }
  Status sync(bool full) override { return done((full ? ::fsync(fd_) : ::fdatasync(fd_)) == 0); }
  Status settle() override { return sync(false); }
  Status close() override { return file_->close(); }
  uint64_t size() const override {
    const auto size = file_->size();
    return size.is_ok() ? *size : 0;
  }

 private:
  static Status done(bool is) { return is ? Status::ok() : posix::failure("change", "a plain file"); }

  const int fd_;
  const std::unique_ptr<WritableFile> file_;
};

class NewPlainBody final : public NewBody {
 public:
  Result<std::unique_ptr<FileBody>> begin(Descriptor file) override {
    return std::unique_ptr<FileBody>(std::make_unique<PlainBody>(std::move(file)));
  }
};

class PlainContents final : public Contents {
 public:
  Result<std::unique_ptr<NewBody>> prepare(const std::string&) override {
    return std::unique_ptr<NewBody>(std::make_unique<NewPlainBody>());
  }
  Result<std::unique_ptr<FileBody>> open(Descriptor file, const std::string&, Opening, FileClass*) override {
    return std::unique_ptr<FileBody>(std::make_unique<PlainBody>(std::move(file)));
  }
  Result<uint64_t> shown_size(Descriptor, const std::string&, uint64_t physical_size) override { return physical_size; }
  bool is_read_only() const override { return false; }
  SealedNames* names() const override { return nullptr; }
  Counting* counting() override { return nullptr; }
  bool paths_matter() const override { return false; }
  Status let_in(const std::string&, const std::string&) override { return Status::ok(); }
  Status move_directory(const std::string&, const std::string&, const std::function<bool()>& rename) override {
    rename();
    return Status::ok();
  }
  Status removed_directory(const std::string&) override { return Status::ok(); }
  bool were_keys_taken() override { return false; }
  std::string news() override { return {}; }
};

int run(int argc, char** argv) {
  if (argc < 3) return 2;
  PlainContents contents;
  TroubleLog log([](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); });
  MountRequest request;
  request.store = argv[1];
  request.mountpoint = argv[2];
  request.write_back = argc > 3 && std::string_view(argv[3]) == "--write-back";
  auto session = Session::mount(request, contents, log);
  const Status served = session.is_ok() ? (*session)->serve([] {}) : session.status();
  if (!served.is_ok()) log.tell(served.to_string());
  return served.is_ok() ? 0 : 2;
}

}  // namespace
}  // namespace coffer::fusefs

int main(int argc, char** argv) { return coffer::fusefs::run(argc, argv); }
