// coffer shred: a domain's data is lost for good, and a certificate says so. coffer certificate: whether one is true.
#include "coffer/ops/shred.h"

#include <fmt/format.h>

#include <thread>

#include "coffer/base/path.h"
#include "coffer/cli/commands.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/text.h"

namespace coffer::cli {
namespace {

Json shredded_keys_json(const std::vector<DomainKeyEntry>& keys) {
  Json out = Json::array();
  for (const DomainKeyEntry& key : keys) {
    out.push_back({{"id", key.id.hex()}, {"version", key.version}, {"destroyed", key.destroyed}});
  }
  return out;
}

Json backups_json(const std::vector<BackupOfShredded>& backups) {
  Json out = Json::array();
  for (const BackupOfShredded& backup : backups) {
    Json each{{"id", backup.id.hex()}, {"target", backup.target}};
    if (!backup.not_reached.empty()) each["not_reached"] = backup.not_reached;
    out.push_back(std::move(each));
  }
  return out;
}

// Lines of the answer, and whether all were reached.
bool backups_text(const std::vector<BackupOfShredded>& backups, std::string& text) {
  bool all = true;
  for (const BackupOfShredded& backup : backups) {
    all = all && backup.not_reached.empty();
    text += fmt::format("  backup {} at {}: {}\n", backup.id.hex(), printable(backup.target),
                        backup.not_reached.empty() ? "nothing of it is left there"
                                                   : "NOT REACHED: " + printable(backup.not_reached));
  }
  return all;
}

Result<Outcome> run_shred(const Arguments& arguments, Console& console) {
  const std::string& domain = arguments.operand("DOMAIN");
  if (arguments.value("--confirm", "") != domain) {
    return {Code::kInvalidArgument, fmt::format("everything in domain {} would be lost for ever; to do it, repeat the "
                                                "command with --confirm {}",
                                                printable(domain), printable(domain))};
  }
  const std::string path = absolute_path(arguments.value("--certificate", fmt::format("shredded-{}.json", domain)));
  Disk& disk = Disk::posix();
  if (disk.info(path).is_ok()) {
    return {Code::kAlreadyExists,
            fmt::format("{} exists; give the certificate another place with --certificate", path)};
  }
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  COFFER_ASSIGN(const Shredding done, shred(*coffer, domain));
  const Status written = create_file(disk, path, as_bytes(done.certificate), 0644);
  if (!written.is_ok()) return not_certified(domain, written);
  // Once this command has ended, programs of this machine have given the keys of files up that they have open: they
  // have looked, and whatever comes next, such as a fresh key for the domain, does not hide it from them.
  if (!done.was_done) std::this_thread::sleep_for(2 * KeyWatch::kInterval);
  std::string text = fmt::format("domain {}: {} {} destroyed{}\n", domain, count_text(done.keys.size(), "key"),
                                 done.keys.size() == 1 ? "is" : "are", done.was_done ? ", as before" : "");
  for (const DomainKeyEntry& key : done.keys) {
    text += fmt::format("  key {} ({}): {}\n", key.version, key.id.short_hex(), time_text(key.destroyed));
  }
  text += fmt::format("  {}, {}, cannot be read any more\n  certificate: {}\n", count_text(done.lost.files, "file"),
                      size_text(done.lost.bytes), printable(path));
  const bool reached_all = backups_text(done.backups, text);
  console.answer(Json{{"domain", domain},
                      {"keys", shredded_keys_json(done.keys)},
                      {"files", done.lost.files},
                      {"bytes", done.lost.bytes},
                      {"keyring_version", done.keyring_version},
                      {"backups", backups_json(done.backups)},
                      {"certificate", path}},
                 text);
  if (const uint32_t id = mariadb_key_of(coffer->config().mariadb_keys, domain)) {
    console.note(fmt::format("nor can what a MariaDB server has under key id {}, once it is restarted", id));
  }
  console.note(
      "not reached: copies of the keyring from before, with the root key of their time; to end those, coffer "
      "rotate root to another key and destroy the old one where it is");
  if (reached_all) return Outcome::kDone;
  console.note("there are backups that were not reached; once they can be, repeat this command, with another "
               "--certificate");
  return Outcome::kProblemsFound;
}

Result<Outcome> run_certificate(const Arguments& arguments, Console& console) {
  const std::string path = absolute_path(arguments.operand("FILE"));
  COFFER_ASSIGN(const Bytes text, read_file(Disk::posix(), path, kCertificateSizeMax));
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  auto checked = check_certificate(*coffer, text);
  if (!checked.is_ok()) return checked.status().with_context(path);
  console.answer(Json{{"domain", checked->domain},
                      {"time", checked->time},
                      {"keyring_version", checked->keyring_version},
                      {"keys", checked->keys}},
                 fmt::format("true: domain {} was shredded {}, {}\n", printable(checked->domain),
                             time_text(checked->time), count_text(checked->keys, "key")));
  return Outcome::kDone;
}

}  // namespace

Command shred_command() {
  return {
      .name = "shred",
      .about = "destroys every key of a domain: its files are lost for ever; writes a signed certificate of it",
      .operands = {coffer_operand(), {"DOMAIN", "of which nothing is to be left"}},
      .flags = {{"--confirm", "DOMAIN", "its name once more"},
                {"--certificate", "FILE", "where the certificate goes (shredded-DOMAIN.json)"},
                root_flag()},
      .examples = {"shred /var/lib/db.coffer tenant-7 --confirm tenant-7 --certificate /srv/audit/tenant-7.json"},
      .run = run_shred,
  };
}

Command certificate_command() {
  return {
      .name = "certificate",
      .about = "checks a certificate of shredding: whether the coffer signed it, and that the keys are still gone",
      .operands = {coffer_operand(), {"FILE", "as coffer shred wrote it"}},
      .flags = {root_flag()},
      .examples = {"certificate /var/lib/db.coffer /srv/audit/tenant-7.json"},
      .run = run_certificate,
  };
}

}  // namespace coffer::cli
