// coffer inspect: what a file's header, or a keyring's, says in clear. Needs no key, and proves nothing without one.
#include <fmt/format.h>

#include <algorithm>

#include "coffer/base/path.h"
#include "coffer/cli/commands.h"
#include "coffer/cli/console.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/text.h"
#include "coffer/files/body.h"

namespace coffer::cli {
namespace {

constexpr std::string_view kKeyringMagic = "COFFKEYR";

// Fields in order, for both forms of the answer: shown as "name  text", or as {"name": value}.
class Fields {
 public:
  void add(std::string_view name, std::string text, Json value) {
    table_.add({fmt::format("  {}", name), printable(text)});
    std::string key(name);
    std::replace(key.begin(), key.end(), ' ', '_');
    json_[key] = std::move(value);
  }
  void add(std::string_view name, const std::string& text) { add(name, text, text); }
  void add(std::string_view name, uint64_t number) { add(name, fmt::to_string(number), number); }
  std::string text() const { return table_.text(); }
  const Json& json() const { return json_; }

 private:
  Table table_{{Table::Align::kLeft, Table::Align::kLeft}};
  Json json_ = Json::object();
};

std::string_view slot_state_name(SlotState state) {
  switch (state) {
    case SlotState::kEmpty: return "empty";
    case SlotState::kReadable: return "readable";
    case SlotState::kDamaged: return "damaged";
  }
  return "unknown";
}

void add_envelope(Fields& out, const EnvelopeScan& scan) {
  const EnvelopeFields& fields = scan.fields;
  out.add("kind", std::string(kind_name(fields.kind)));
  out.add("cipher", std::string(suite_info(fields.suite).name));
  if (fields.chunk_log2 > 0) out.add("chunk size", uint64_t{1} << fields.chunk_log2);
  out.add("file id", fields.file_id.hex());
  out.add("store id", fields.store_id.hex());
  out.add("domain key id", fields.domain_key_id.hex());
  out.add("domain key version", uint64_t{fields.domain_key_version});
  out.add("oldest key version", uint64_t{fields.oldest_key_version});
  out.add("newest key version", uint64_t{fields.newest_key_version});
  out.add("keyring version", fields.keyring_version);
  out.add("sequence", fields.sequence);
  out.add("slot a", std::string(slot_state_name(scan.slots[0])) + (scan.current == 0 ? ", current" : ""),
          slot_state_name(scan.slots[0]));
  out.add("slot b", std::string(slot_state_name(scan.slots[1])) + (scan.current == 1 ? ", current" : ""),
          slot_state_name(scan.slots[1]));
  out.add("wrapped file key", fmt::format("{} bytes, KWP with AES-256", suite_info(fields.suite).key_size + 8),
          suite_info(fields.suite).key_size + 8);
  if (fields.kind == Kind::kCtr) {
    out.add("closed", fields.body_sealed ? "yes" : "no", fields.body_sealed);
    if (fields.body_sealed) out.add("body size", fields.body_size);
    if (fields.body_sealed) out.add("body mac", to_hex(fields.body_mac));
  }
}

// What the file's size comes to: nothing proves it before the end is authenticated.
void add_sizes(Fields& out, const FileHead& head, std::shared_ptr<const ReadableFile> file, uint64_t file_size) {
  out.add("file size", fmt::format("{} ({})", size_text(file_size), file_size), file_size);
  const auto size = shown_size(head, std::move(file), file_size);
  out.add("plaintext size", size.is_ok() ? fmt::format("{} ({}), unproven", size_text(*size), *size) : "cut off",
          size.is_ok() ? Json(*size) : Json(nullptr));
}

Fields slot_fields(const KeyringSlot& slot, const ProviderConfig& config) {
  Fields out;
  out.add("slot id", slot.id.hex());
  out.add("root", slot.root);
  const std::string uri = uri_of_root(slot.root, config);
  out.add("root key", uri.empty() ? "not in the configuration" : uri, uri.empty() ? Json(nullptr) : Json(uri));
  out.add("key", describe_root_key(slot, config));
  out.add("created", time_text(slot.created), slot.created);
  const uint8_t algorithm = slot.wrapped.algorithm;
  out.add("wrap algorithm", algorithm == 1 ? "KWP" : algorithm == 2 ? "by the provider" : "unknown", algorithm);
  out.add("wrapped keyring key", fmt::format("{} bytes", slot.wrapped.bytes.size()), slot.wrapped.bytes.size());
  return out;
}

// The coffer.yaml beside a keyring; nothing configured where there is none: the keyring may have been copied.
ProviderConfig config_beside(const std::string& path) {
  auto config = read_provider_config(std::string(parent_of(absolute_path(path))));
  return config.is_ok() ? std::move(*config) : ProviderConfig{};
}

Result<Outcome> inspect_keyring(const std::string& path, Console& console) {
  COFFER_ASSIGN(Bytes sealed, read_file(Disk::posix(), path, kKeyringFileSizeMax));
  auto header = KeyringCodec::read_header(sealed);
  if (!header.is_ok()) return header.status().with_context(path);
  Fields fields;
  fields.add("coffer id", header->coffer_id.hex());
  fields.add("keyring version", header->version);
  fields.add("file size", sealed.size());
  std::string text = fmt::format("{}: keyring\n{}", printable(path), fields.text());
  Json answer = {{"file", path}, {"type", "keyring"}};
  const ProviderConfig config = config_beside(path);
  answer.update(fields.json());
  for (const KeyringSlot& slot : header->slots) {
    const Fields one = slot_fields(slot, config);
    text += "\n" + one.text();
    answer["slots"].push_back(one.json());
  }
  console.answer(answer, text);
  return Outcome::kDone;
}

Result<Outcome> inspect_envelope(const std::string& path, ByteView start, std::shared_ptr<const ReadableFile> file,
                                 uint64_t file_size, Console& console) {
  Fields fields;
  std::string type = "never written";
  COFFER_ASSIGN(const FileHead head, judge_head(start, *file, path));
  COFFER_TRY(head.refusal);
  if (head.is(FileHead::What::kCoffer)) {
    type = std::string(kind_name(head.scan.fields.kind)) + " file";
    add_envelope(fields, head.scan);
    add_sizes(fields, head, std::move(file), file_size);
  }
  Json answer = {{"file", path}, {"type", type}};
  answer.update(fields.json());
  console.answer(answer, fmt::format("{}: {}\n{}", printable(path), type, fields.text()));
  return Outcome::kDone;
}

Result<Outcome> run_inspect(const Arguments& arguments, Console& console) {
  const std::string& path = arguments.operand("FILE");
  COFFER_ASSIGN(FileInfo info, Disk::posix().info(path));
  if (info.is_directory) {
    return {Code::kInvalidArgument,
            fmt::format("{} is a directory; inspect a file of a store, or COFFER/keyring", path)};
  }
  COFFER_ASSIGN(auto file, Disk::posix().open_read(path));
  std::array<uint8_t, kEnvelopeSize> start{};
  COFFER_ASSIGN(size_t count, file->read_at(0, start));
  const ByteView seen(start.data(), count);
  if (as_text(seen).starts_with(kKeyringMagic)) return inspect_keyring(path, console);
  return inspect_envelope(path, seen, std::move(file), info.size, console);
}

}  // namespace

Command inspect_command() {
  return {
      .name = "inspect",
      .about = "shows what the header of a file, or a keyring, says in clear; needs no key and proves nothing",
      .operands = {{"FILE", "a file of a store, or the keyring of a coffer"}},
      .flags = {},
      .examples = {"inspect /var/lib/db/000012.sst", "inspect /var/lib/db.coffer/keyring --json"},
      .run = run_inspect,
  };
}

}  // namespace coffer::cli
