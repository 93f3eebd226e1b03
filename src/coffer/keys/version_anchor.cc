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
    COFFER_ASSIGN(KeyringMark mark, parse_anchor(as_text(*text), coffer_id_, path_));
    return std::optional(mark);
  }

  Status advance(const KeyringMark& mark) override {
    COFFER_ASSIGN(std::unique_ptr<FileLock> lock, disk_.lock(path_ + ".lock", true));
    COFFER_ASSIGN(std::optional<KeyringMark> remembered, load());
    if (remembered.has_value() && remembered->version > mark.version) return {};
    COFFER_TRY(check_mark(remembered, mark));
    if (remembered == mark) return {};
    const std::string text = format_anchor(coffer_id_, mark);
    return replace_file(disk_, path_, as_bytes(text), kAnchorMode).with_context("version anchor");
  }

 private:
  Disk& disk_;
  const std::string path_;
  const Id coffer_id_;
};

Status not_an_anchor(const std::string& name, std::string_view why) {
  return {Code::kInvalidArgument, "version anchor " + name + ": " + std::string(why) +
                                      "; if the coffer's keyring is known to be the newest, remove the anchor"};
}

}  // namespace

std::string format_anchor(const Id& coffer_id, const KeyringMark& mark) {
  const std::string version = std::to_string(mark.version);
  return "{\"coffer\":\"" + coffer_id.hex() + "\",\"version\":" + version + ",\"sha256\":\"" +
         to_hex(mark.hash) + "\"}\n";
}

Result<KeyringMark> parse_anchor(std::string_view text, const Id& coffer_id, const std::string& name) {
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || json.size() != 3) return not_an_anchor(name, "not an anchor's three fields");
  const auto coffer = json.find("coffer"), version = json.find("version"), hash = json.find("sha256");
  if (coffer == json.end() || version == json.end() || hash == json.end() || !coffer->is_string() ||
      !version->is_number_unsigned() || !hash->is_string()) {
    return not_an_anchor(name, "not an anchor's three fields");
  }
  const auto found = Id::parse(coffer->get<std::string>());
  if (!found.is_ok()) return not_an_anchor(name, "coffer must be 32 hexadecimal digits");
  if (*found != coffer_id) {
    return not_an_anchor(name, "it is for coffer " + found->hex() + ", not for " + coffer_id.hex());
  }
  const auto raw = from_hex(hash->get<std::string>());
  KeyringMark mark;
  if (!raw.is_ok() || raw->size() != mark.hash.size()) {
    return not_an_anchor(name, "sha256 must be 64 hexadecimal digits");
  }
  std::copy(raw->begin(), raw->end(), mark.hash.begin());
  mark.version = version->get<uint64_t>();
  return mark;
}

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
