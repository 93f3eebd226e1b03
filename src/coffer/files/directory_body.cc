#include "coffer/files/directory_body.h"

#include "coffer/files/body.h"
#include "coffer/files/read_exactly.h"

namespace coffer {
namespace {

class DirectoryBody final : public ReadOnlyBody {
 public:
  DirectoryBody()
      : ReadOnlyBody(
            "a directory's names are sealed with this file's key, so it cannot get another one; make a new directory "
            "on the mount, move there what is in this one, and remove it") {}

  Result<uint64_t> measure(const EnvelopeFields&, std::shared_ptr<const ReadableFile>, uint64_t) const override {
    return uint64_t{0};
  }
  Result<OpenBody> open(const OpenedFile& opened, std::shared_ptr<const ReadableFile> file, uint64_t physical_size,
                        EngineRole) const override {
    COFFER_ASSIGN(OpenDirectory body, OpenDirectory::open(opened, std::move(file), physical_size));
    return OpenBody(std::move(body));
  }
};

}  // namespace

Result<OpenDirectory> OpenDirectory::open(const OpenedFile& opened, std::shared_ptr<const ReadableFile> file,
                                          uint64_t physical_size) {
  constexpr uint64_t kSize = kEnvelopeSize + kDirectoryBodySize;
  if (physical_size < kSize) return {Code::kTruncated, "a directory's file has 8272 bytes, and this one was cut"};
  if (physical_size > kSize) return {Code::kDamaged, "a directory's file has 8272 bytes, and this one has more"};
  Bytes body(kDirectoryBodySize);
  COFFER_TRY(read_exactly(*file, kEnvelopeSize, body));
  const auto make = [body = std::move(body), file_id = opened.fields.file_id](const FileKey& file_key) {
    return DirectoryKey::create(file_key, file_id, body);
  };
  COFFER_ASSIGN(DirectoryKey key, make(opened.file_key));
  return OpenDirectory(std::make_unique<Held>(opened, std::move(file), std::move(key), make));
}

Result<Bytes> new_directory_file(const NewFile& header, const LinksKey& links) {
  Bytes out(header.envelope.begin(), header.envelope.end());
  COFFER_ASSIGN(const Bytes body, DirectoryKey::seal_body(header.file_key, header.fields.file_id, links));
  out.insert(out.end(), body.begin(), body.end());
  return out;
}

const Body& directory_body() {
  static const DirectoryBody body;
  return body;
}

}  // namespace coffer
