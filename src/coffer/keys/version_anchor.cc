#include "coffer/keys/version_anchor.h"

#include <nlohmann/json.hpp>

namespace coffer {
namespace {

constexpr size_t kAnchorSizeMax = 4096;
constexpr uint32_t kAnchorMode = 0600;

class FileAnchor final : public VersionAnchor {
 public:
  FileAnchor(Disk& disk, const std::string& path, const Id& coffer_id)
      : disk_(disk), path_(path), coffer_id_(coffer_id) {}

  Result<std::optional<KeyringMark>> load() override {
    auto text = read_file(disk_, path_, kAnchorSizeMax);
    if (text.code() == Code::kNotFound) return std::optional<KeyringMark>();
    if (!text.is_ok()) return text.status().with_context("version anchor");
    COFFER_ASSIGN(KeyringMark mark, parse(as_text(*text)));
    return std::optional(mark);
  }

  Status advance(const KeyringMark& mark) override {
    COFFER_ASSIGN(std::unique_ptr<FileLock> lock, disk_.lock(path_ + ".lock", true));
    COFFER_ASSIGN(std::optional<KeyringMark> remembered, load());
    if (remembered.has_value() && remembered->version > mark.version) return {};
    COFFER_TRY(check_mark(remembered, mark));
    if (remembered == mark) return {};
    return replace_file(disk_, path_, as_bytes(format(mark)), kAnchorMode).with_context("version anchor");
  }

 private:
  std::string format(const KeyringMark& mark) const {
    return "{\"coffer\":\"" + coffer_id_.hex() + "\",\"version\":" + std::to_string(mark.version) + ",\"sha256\":\"" +
           to_hex(mark.hash) + "\"}\n";
  }

  Status not_an_anchor(std::string_view why) const {
    return {Code::kInvalidArgument, "version anchor " + path_ + ": " + std::string(why) +
                                        "; if the coffer's keyring is known to be the newest, remove the anchor"};
  }

  Result<KeyringMark> parse(std::string_view text) const {
    const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object() || json.size() != 3) return not_an_anchor("not an anchor's three fields");
    const auto coffer = json.find("coffer"), version = json.find("version"), hash = json.find("sha256");
    if (coffer == json.end() || version == json.end() || hash == json.end() || !coffer->is_string() ||
        !version->is_number_unsigned() || !hash->is_string()) {
      return not_an_anchor("not an anchor's three fields");
    }
    auto coffer_id = Id::parse(coffer->get<std::string>());
    if (!coffer_id.is_ok()) return not_an_anchor("coffer must be 32 hexadecimal digits");
    if (*coffer_id != coffer_id_) {
      return not_an_anchor("it is for coffer " + coffer_id->hex() + ", not for " + coffer_id_.hex());
    }
    auto raw = from_hex(hash->get<std::string>());
    KeyringMark mark;
    if (!raw.is_ok() || raw->size() != mark.hash.size()) return not_an_anchor("sha256 must be 64 hexadecimal digits");
    std::copy(raw->begin(), raw->end(), mark.hash.begin());
    mark.version = version->get<uint64_t>();
    return mark;
  }

  Disk& disk_;
  const std::string path_;
  const Id coffer_id_;
};

}  // namespace

Status check_mark(const std::optional<KeyringMark>& remembered, const KeyringMark& found) {
  if (!remembered.has_value()) return {};
  if (found.version < remembered->version) {
    return {Code::kRolledBack, "keyring version " + std::to_string(found.version) + " is older than version " +
                                   std::to_string(remembered->version) +
                                   ", which the version anchor has seen; restore the newer keyring"};
  }
  if (found.version == remembered->version && found.hash != remembered->hash) {
    return {Code::kDiverged, "keyring version " + std::to_string(found.version) +
                                 " is not the one of that number that the version anchor has seen; restore that one"};
  }
  return {};
}

std::unique_ptr<VersionAnchor> open_file_anchor(Disk& disk, const std::string& path, const Id& coffer_id) {
  return std::make_unique<FileAnchor>(disk, path, coffer_id);
}

Result<std::unique_ptr<VersionAnchor>> open_anchor_at_path(Disk& disk, const AnchorPlace& place) {
  if (place.name.starts_with('/')) return open_file_anchor(disk, place.name, place.coffer_id);
  return {Code::kUnsupported, "version anchor " + place.name + ": this program knows anchors in files only"};
}

}  // namespace coffer
