// coffer kmip expire, revoke, destroy: the ways in which a key in KMIP servers ends.
#include <fmt/format.h>

#include "coffer/base/path.h"
#include "coffer/cli/commands.h"
#include "coffer/cli/kmip_group.h"
#include "coffer/cli/text.h"
#include "coffer/keys/keyring_store.h"
#include "coffer/providers/kmip/key_handle.h"
#include "coffer/providers/registry.h"
#include "coffer/store/surroundings.h"

namespace coffer::cli {
namespace {

Status needs_yes(const kmip::Client& client, const kmip::KeyAttributes& key, std::string_view plan) {
  return {Code::kInvalidArgument, fmt::format("{} in {} {}; to do it, repeat the command with --yes",
                                              kmip_key_text(key), client.group().settings().describe(), plan)};
}

Result<Outcome> answer_with(const kmip::Client& client, const std::string& id, std::string_view done,
                            Console& console) {
  COFFER_ASSIGN(const kmip::KeyAttributes key, client.attributes(id));
  console.answer(kmip_key_json(key), fmt::format("{}: {}\n", kmip_key_text(key), done));
  return Outcome::kDone;
}

Result<Outcome> run_kmip_expire(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(const kmip::Client client, kmip_client(arguments));
  const std::string& id = arguments.operand("ID");
  uint64_t at = now_seconds();
  if (const std::string* text = arguments.find("--at")) {
    COFFER_ASSIGN(at, parse_time(*text, "--at"));
  }
  const Status status = client.expire(id, static_cast<int64_t>(at));
  if (status.code() == Code::kUnsupported || status.code() == Code::kInvalidArgument) {
    return {status.code(),
            std::string(status.message()) +
                "; if the server takes no such date from clients, use coffer kmip revoke when it is time"};
  }
  COFFER_TRY(status);
  return answer_with(client, id,
                     fmt::format("wraps nothing new from {} on, still unwraps", time_text(at)),
                     console);
}

Result<Outcome> run_kmip_revoke(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(const kmip::Client client, kmip_client(arguments));
  const std::string& id = arguments.operand("ID");
  COFFER_ASSIGN(const kmip::KeyAttributes key, client.attributes(id));
  if (!arguments.has("--yes")) {
    return needs_yes(client, key, "would wrap nothing new for ever, and still unwrap what it has wrapped");
  }
  const auto reason =
      arguments.has("--compromised") ? kmip::RevocationReason::kKeyCompromise : kmip::RevocationReason::kCessation;
  COFFER_TRY(client.revoke(id, reason, arguments.value("--reason", ""), static_cast<int64_t>(now_seconds())));
  COFFER_TRY(answer_with(client, id, "wraps nothing new, still unwraps", console).status());
  console.note("coffers that use it: coffer rotate root, once their root key's name leads to another key");
  return Outcome::kDone;
}

// The coffer that --config or the environment names; empty when neither names one.
std::string coffer_at_hand(const Arguments& arguments) {
  const char* named = std::getenv("COFFER");
  const std::string path = arguments.value("--config", named == nullptr ? "" : named);
  if (path.empty()) return path;
  const std::string absolute = absolute_path(path);
  const auto info = Disk::posix().info(absolute);
  return info.is_ok() && info->is_directory ? absolute : absolute.substr(0, absolute.rfind('/'));
}

// A keyring's slots can be read without its root key.
Status check_not_needed(const Arguments& arguments, const kmip::KeyAttributes& key) {
  const std::string coffer = coffer_at_hand(arguments);
  if (coffer.empty()) return Status::ok();
  const auto config = read_config(Disk::posix(), coffer + "/coffer.yaml");
  const bool is_elsewhere = config.is_ok() && config->keyring_store.has_value();
  if (!is_elsewhere && !Disk::posix().info(coffer + "/keyring").is_ok()) return Status::ok();
  COFFER_ASSIGN(const auto store,
                open_store_of(Disk::posix(), coffer, is_elsewhere ? *config : Config(), open_keyring_store));
  COFFER_ASSIGN(const KeyringStore::Snapshot keyring, store->load());
  for (const KeyringSlot& slot : keyring.header.slots) {
    const auto name = kmip::decode_handle(slot.handle);
    if (!name.has_value() || name->id != key.id) continue;
    return {
        Code::kInvalidArgument,
        fmt::format("{} opens the keyring of {} (slot {}), which would be lost with it; first coffer rotate root {}",
                    kmip_key_text(key), coffer, slot.id.short_hex(), coffer)};
  }
  return Status::ok();
}

Result<Outcome> run_kmip_destroy(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(const kmip::Client client, kmip_client(arguments));
  const std::string& id = arguments.operand("ID");
  COFFER_ASSIGN(const kmip::KeyAttributes key, client.attributes(id));
  if (key.state == kmip::State::kActive) {
    return {Code::kInvalidArgument, kmip_key_text(key) +
                                        " is in use; first coffer kmip revoke, then coffer rotate root "
                                        "for each coffer, then destroy it"};
  }
  COFFER_TRY(check_not_needed(arguments, key));
  if (!arguments.has("--yes")) {
    return needs_yes(client, key, "would be gone, and with it every coffer and backup whose keyring only it opens");
  }
  COFFER_TRY(client.destroy(id));
  console.answer(Json{{"id", id}, {"destroyed", true}}, fmt::format("{}: destroyed\n", kmip_key_text(key)));
  return Outcome::kDone;
}

}  // namespace

Command kmip_expire_command() {
  return {
      .name = "kmip expire",
      .about = "sets the date from which a key wraps nothing new; it goes on unwrapping",
      .operands = {kmip_group_operand(), kmip_id_operand()},
      .flags = {{"--at", "TIME", "2030-01-01, \"2030-01-01 12:00:00\" (UTC), or Unix seconds (now)"},
                kmip_config_flag()},
      .examples = {"kmip expire prod 02-540 --at 2030-01-01 --config /var/lib/db.coffer"},
      .run = run_kmip_expire,
  };
}

Command kmip_revoke_command() {
  return {
      .name = "kmip revoke",
      .about = "deactivates a key for ever; it goes on unwrapping",
      .operands = {kmip_group_operand(), kmip_id_operand()},
      .flags = {{"--compromised", "", "somebody else may know it"},
                {"--reason", "TEXT", "for the server's records"},
                {"--yes", "", "do it: without, only what would happen is said"},
                kmip_config_flag()},
      .examples = {"kmip revoke prod 02-540 --yes --config /var/lib/db.coffer"},
      .run = run_kmip_revoke,
  };
}

Command kmip_destroy_command() {
  return {
      .name = "kmip destroy",
      .about = "destroys a key that is not active: what only it opens is lost",
      .operands = {kmip_group_operand(), kmip_id_operand()},
      .flags = {{"--yes", "", "do it: without, only what would happen is said"}, kmip_config_flag()},
      .examples = {"kmip destroy prod 02-449 --yes --config /var/lib/db.coffer"},
      .run = run_kmip_destroy,
  };
}

}  // namespace coffer::cli
