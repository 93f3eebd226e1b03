// coffer scan: every byte of what may be read is searched for plaintext and for the coffer's keys.
#include "coffer/ops/scan.h"

#include <fmt/format.h>

#include "coffer/base/path.h"
#include "coffer/cli/commands.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/progress.h"
#include "coffer/cli/text.h"
#include "coffer/config/secret_source.h"
#include "coffer/crypto/key_memory.h"
#include "coffer/ops/inventory.h"
#include "coffer/ops/sought_keys.h"
#include "coffer/providers/registry.h"

namespace coffer::cli {
namespace {

constexpr size_t kCanariesFileSizeMax = size_t{4} << 20;

std::string_view kind_word(SoughtKind kind) {
  switch (kind) {
    case SoughtKind::kCanary: return "canary";
    case SoughtKind::kRootKey: return "root key";
    case SoughtKind::kKeyringKey: return "keyring key";
    case SoughtKind::kAuditKey: return "audit key";
    case SoughtKind::kShardKey: return "key of a part of the keyring";
    case SoughtKind::kDomainKey: return "domain key";
    case SoughtKind::kFileKey: return "file key";
  }
  return "?";
}

std::string_view form_word(SoughtForm form) {
  switch (form) {
    case SoughtForm::kAsIs: return "as it is";
    case SoughtForm::kWordsTurned: return "in words turned round";
    case SoughtForm::kHex: return "in hexadecimal";
    case SoughtForm::kBase64: return "in base64";
  }
  return "?";
}

std::string_view form_name(SoughtForm form) {
  switch (form) {
    case SoughtForm::kAsIs: return "as_is";
    case SoughtForm::kWordsTurned: return "words_turned";
    case SoughtForm::kHex: return "hex";
    case SoughtForm::kBase64: return "base64";
  }
  return "?";
}

std::string secret_text(const Sought& secret) {
  switch (secret.kind) {
    case SoughtKind::kKeyringKey:
    case SoughtKind::kAuditKey: return fmt::format("the {}", kind_word(secret.kind));
    case SoughtKind::kShardKey: return fmt::format("the key of the keyring's part {}", secret.name);
    case SoughtKind::kDomainKey:
      return fmt::format("domain key {}/{} ({})", secret.name, secret.version, secret.id.short_hex());
    case SoughtKind::kCanary:
    case SoughtKind::kRootKey: return fmt::format("{} \"{}\"", kind_word(secret.kind), printable(secret.name));
    case SoughtKind::kFileKey: return "the file key of " + printable(secret.name);
  }
  return "?";
}

Json hit_json(const ScanHit& hit, const Sought& secret) {
  Json out{{"path", hit.path},
           {"offset", hit.offset},
           {"count", hit.count},
           {"form", form_name(hit.what.form)},
           {"what", kind_word(secret.kind)}};
  if (!secret.name.empty()) out["name"] = secret.name;
  if (secret.kind == SoughtKind::kDomainKey) {
    out["version"] = secret.version;
    out["id"] = secret.id.hex();
  }
  return out;
}

struct Searched {
  const SoughtSecrets& sought;
  const std::vector<NotSought>& left_out;
  const ScanReport& report;
};

Json json_of(const Searched& searched) {
  const ScanReport& report = searched.report;
  Json hits = Json::array(), unread = Json::array(), left_out = Json::array();
  for (const ScanHit& hit : report.hits) hits.push_back(hit_json(hit, searched.sought.all()[hit.what.secret]));
  for (const auto& [path, status] : report.unread) {
    unread.push_back({{"path", path}, {"code", code_name(status.code())}, {"message", status.message()}});
  }
  for (const NotSought& root : searched.left_out) left_out.push_back({{"root", root.root}, {"why", root.why}});
  return {{"files", report.files},
          {"bytes", report.bytes},
          {"links", report.links},
          {"special", report.special},
          {"secrets", searched.sought.all().size()},
          {"not_searched_for", std::move(left_out)},
          {"unread", std::move(unread)},
          {"hits", std::move(hits)}};
}

std::string text_of(const Searched& searched, double seconds) {
  const ScanReport& report = searched.report;
  std::string out;
  for (const ScanHit& hit : report.hits) {
    out += fmt::format("{}: {} {}, at byte {}{}\n", printable(hit.path),
                       secret_text(searched.sought.all()[hit.what.secret]), form_word(hit.what.form), hit.offset,
                       hit.count > 1 ? fmt::format(" and at {}", count_text(hit.count - 1, "other place")) : "");
  }
  for (const auto& [path, status] : report.unread) {
    out += fmt::format("{}: not read: {}\n", printable(path), status.message());
  }
  for (const NotSought& root : searched.left_out) {
    out += fmt::format("root key \"{}\": not searched for: {}\n", printable(root.root), root.why);
  }
  out += fmt::format("searched {} in {} for {}, {}: ", size_text(report.bytes), count_text(report.files, "file"),
                     count_text(searched.sought.all().size(), "secret"), duration_text(seconds));
  out += report.hits.empty() ? "nothing found" : count_text(report.hits.size(), "finding");
  if (report.links > 0) out += fmt::format(" ({} not followed)", count_text(report.links, "symbolic link"));
  if (report.special > 0) out += fmt::format(" ({} not read)", count_text(report.special, "special file"));
  return out + "\n";
}

std::vector<std::string> scanned_paths(const Arguments& arguments, const Coffer& coffer) {
  std::vector<std::string> out = arguments.list("PATH");
  if (!out.empty()) return out;
  out = remembered_stores(coffer);
  out.push_back(coffer.directory());
  return out;
}

Status add_canaries_of(const std::string& path, ScanOptions& options, SoughtSecrets& sought) {
  COFFER_ASSIGN(const SecretBytes lines, read_private_file(path, kCanariesFileSizeMax));
  COFFER_TRY(add_canaries(lines, sought).with_context(path));
  COFFER_ASSIGN(options.except, Disk::posix().info(path));
  return Status::ok();
}

Result<Outcome> run_scan(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments, {.may_be_away = true}));
  if (arguments.list("PATH").empty()) COFFER_TRY(coffer->at_home());
  SoughtSecrets sought;
  ScanOptions options;
  if (const std::string* path = arguments.find("--canaries")) COFFER_TRY(add_canaries_of(*path, options, sought));
  COFFER_ASSIGN(const std::vector<NotSought> left_out,
                add_keys_of(*coffer, open_provider, arguments.value("--root", ""), sought));
  if (const std::string* path = arguments.find("--root-key")) {
    COFFER_TRY(add_key_file(Disk::posix(), *path, absolute_path(*path), sought));
  }
  if (arguments.has("--file-keys")) COFFER_TRY(add_file_keys(*coffer, sought));
  COFFER_TRY(sought.prepare());
  if (const std::string warning = key_memory_warning(); !warning.empty()) console.note("key memory: " + warning);
  Progress progress(!console.json());
  options.progress = [&](const ScanReport& report) {
    progress.show("searching", report.bytes, 0,
                  fmt::format("{} in {}", size_text(report.bytes), count_text(report.files, "file")));
  };
  const ScanReport report = scan(sought, scanned_paths(arguments, *coffer), options);
  progress.erase();
  const Searched searched{sought, left_out, report};
  console.answer(json_of(searched), text_of(searched, progress.seconds()));
  if (!report.unread.empty()) {
    return {report.unread.front().second.code(),
            fmt::format("{} could not be read, {} first; run it as a user who may, or name what is to be searched",
                        count_text(report.unread.size(), "path"), printable(report.unread.front().first))};
  }
  return report.hits.empty() ? Outcome::kDone : Outcome::kProblemsFound;
}

}  // namespace

Command scan_command() {
  return {
      .name = "scan",
      .about = "searches every byte of files and devices for plaintext and for the coffer's keys",
      .operands = {coffer_operand(),
                   {"PATH", "files, directories, block devices; none: the coffer and every store it remembers", true}},
      .flags = {{"--canaries", "FILE", "plaintext to search for, one a line: text, hex:DIGITS or base64:TEXT"},
                {"--root-key", "FILE", "a key file, whose key is searched for besides those of coffer.yaml"},
                {"--file-keys", "", "the keys of single files, too"},
                root_flag()},
      .examples = {"scan /var/lib/db.coffer", "scan /var/lib/db.coffer /var/log /dev/sda2 --canaries canaries.txt"},
      .run = run_scan,
  };
}

}  // namespace coffer::cli
