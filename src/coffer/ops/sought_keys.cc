#include "coffer/ops/sought_keys.h"

#include <set>

#include "coffer/base/base64.h"
#include "coffer/base/text.h"
#include "coffer/ops/inventory.h"
#include "coffer/providers/named.h"

namespace coffer {
namespace {

Result<SecretBytes> decode_hex_secret(ByteView text) {
  SecretBytes out(text.size() / 2);
  bool good = text.size() % 2 == 0;
  for (size_t i = 0; i < out.size(); ++i) {
    const int high = hex_digit(static_cast<char>(text[2 * i])), low = hex_digit(static_cast<char>(text[2 * i + 1]));
    good = good && high >= 0 && low >= 0;
    if (good) out.reveal_mutable()[i] = static_cast<uint8_t>(high << 4 | low);
  }
  if (!good) return {Code::kInvalidArgument, "hex: an even number of hexadecimal digits was expected"};
  return out;
}

Result<SecretBytes> decode_canary(ByteView line) {
  const std::string_view text = as_text(line);
  if (text.starts_with("hex:")) return decode_hex_secret(line.subspan(4));
  if (text.starts_with("base64:")) return decode_base64(line.subspan(7), Base64Alphabet::kStandard);
  return SecretBytes::copy_of(line);
}

Status check_canary(ByteView canary) {
  constexpr size_t kSizeMin = PatternSearch::kPatternSizeMin;
  if (canary.size() < kSizeMin || canary.size() > kCanarySizeMax) {
    return {Code::kInvalidArgument, "it has " + std::to_string(canary.size()) + " bytes; " + std::to_string(kSizeMin) +
                                        " to " + std::to_string(kCanarySizeMax) + " were expected"};
  }
  if (std::ranges::all_of(canary, [&](uint8_t byte) { return byte == canary.front(); })) {
    return {Code::kInvalidArgument, "it is the same byte again and again, which is everywhere"};
  }
  return Status::ok();
}

struct SoughtKeyFile {
  std::string path;  // empty for a root that is no key file
  KeyFileReading reading = KeyFileReading::kByContents;
};

Result<SoughtKeyFile> key_file_of(ProviderUri uri, const ProviderConfig& config) {
  if (uri.scheme == "provider") {
    COFFER_ASSIGN(uri, expand_named(uri, config));
  }
  SoughtKeyFile out;
  if (uri.scheme != "file") return out;
  UriOptions options(uri);
  COFFER_ASSIGN(out.reading, take_key_file_form(options));
  COFFER_ASSIGN(out.path, local_path(uri, "key file", "file:///PATH (three slashes)"));
  return out;
}

Status add_keyrings_own_keys(const Coffer& coffer, const Config& config, ProviderOpener opener,
                             const std::string& root_uri, SoughtSecrets& sought) {
  const RootOpener open_root = [&](const std::string& name, const std::string& uri_instead) {
    return open_configured_root(name, uri_instead, config, opener);
  };
  COFFER_ASSIGN(const UnlockedSlot unlocked, unlock_slots(*coffer.live_keyring().header(), open_root, root_uri));
  sought.add_key({.kind = SoughtKind::kKeyringKey}, unlocked.key.reveal());
  COFFER_ASSIGN(const AuditKey audit_key, coffer.keyring()->audit_key().open());
  sought.add_key({.kind = SoughtKind::kAuditKey}, audit_key.reveal());
  return Status::ok();
}

// Those of a group that is closed come back.
Status add_domain_keys(const Keyring& keyring, SoughtSecrets& sought, std::vector<NotSought>& left_out) {
  for (const ShardEntry& shard : keyring.shards()) {
    if (shard.key.empty()) continue;
    COFFER_ASSIGN(const Key<ShardRole> key, shard.key.open());
    sought.add_key({.kind = SoughtKind::kShardKey, .name = to_hex(shard.name)}, key.reveal());
  }
  std::set<GroupNumber> closed;
  for (const Domain& domain : keyring.domains()) {
    for (const DomainKeyEntry& entry : domain.keys) {
      if (entry.key.empty() || closed.contains(domain.group)) continue;
      const auto key = keyring.open_key({&domain, &entry});
      if (!key.is_ok() && domain.group == 0) return key.status();
      if (key.is_ok()) {
        sought.add_key({SoughtKind::kDomainKey, domain.name, entry.version, entry.id}, key->reveal());
      } else {
        closed.insert(domain.group);
        left_out.push_back({keyring.group_of(domain)->slots.front().root, key.status().to_string()});
      }
    }
  }
  return Status::ok();
}

}  // namespace

Status add_canaries(const SecretBytes& canaries, SoughtSecrets& sought) {
  ByteView lines = canaries.reveal();
  size_t number = 0, count = 0;
  while (!lines.empty()) {
    const auto end = std::ranges::find(lines, uint8_t{'\n'});
    const ByteView line = lines.first(static_cast<size_t>(end - lines.begin()));
    lines = lines.subspan(std::min(lines.size(), line.size() + 1));
    ++number;
    if (line.empty()) continue;
    const std::string name = "line " + std::to_string(number);
    if (++count > kCanariesMax) {
      return {Code::kLimitExceeded, name + ": more than " + std::to_string(kCanariesMax) + " canaries"};
    }
    auto canary = decode_canary(line);
    if (!canary.is_ok()) return canary.status().with_context(name);
    COFFER_TRY(check_canary(canary->reveal()).with_context(name));
    sought.add_canary({.kind = SoughtKind::kCanary, .name = name}, canary->reveal());
  }
  if (count > 0) return Status::ok();
  return {Code::kInvalidArgument, "there is nothing in it; write what is to be searched for into it, one a line"};
}

Status add_key_file(Disk& disk, const std::string& name, const std::string& path, SoughtSecrets& sought,
                    KeyFileReading reading) {
  COFFER_ASSIGN(const KeyFile file, read_key_file(disk, path, reading));
  sought.add_key({.kind = SoughtKind::kRootKey, .name = name}, file.key.reveal());
  return Status::ok();
}

Result<std::vector<NotSought>> add_keys_of(const Coffer& coffer, ProviderOpener opener, const std::string& root_uri,
                                           SoughtSecrets& sought) {
  Config config = coffer.config();
  COFFER_ASSIGN(config.providers, coffer.provider_config());
  std::vector<NotSought> left_out;
  COFFER_TRY(add_domain_keys(*coffer.keyring(), sought, left_out));
  COFFER_TRY(add_keyrings_own_keys(coffer, config, opener, root_uri, sought));
  const std::string in_use = coffer.live_keyring().header()->slots.front().root;
  COFFER_ASSIGN(const auto named, named_root(root_uri, config.providers));
  for (const auto& [name, root] : config.providers.roots) {
    ProviderUri uri = root.uri;
    if (!root_uri.empty() && !named.has_value() && name == in_use) {
      COFFER_ASSIGN(uri, parse_provider_uri(root_uri));
    }
    auto file = key_file_of(uri, config.providers);
    if (file.is_ok() && file->path.empty()) {
      left_out.push_back({name, "it is in no key file; --root-key FILE names one that has it, if there is any"});
      continue;
    }
    const Status added =
        file.is_ok() ? add_key_file(coffer.disk(), name, file->path, sought, file->reading) : file.status();
    if (!added.is_ok()) left_out.push_back({name, added.to_string()});
  }
  return left_out;
}

Status add_file_keys(Coffer& coffer, SoughtSecrets& sought) {
  size_t count = 0;
  return visit_files(coffer, {}, [&](const InventoryFile& file) -> Status {
    if (!file.status.is_ok() || file.empty || file.leads_outside) return Status::ok();
    const auto opened = coffer.unlock(file.scan, file.path);
    if (!opened.is_ok()) return Status::ok();  // for verify to say why
    if (++count > kFileKeysSoughtMax) {
      return {Code::kLimitExceeded, "the coffer's stores have more than " + std::to_string(kFileKeysSoughtMax) +
                                        " files, whose keys are too many; leave --file-keys out"};
    }
    sought.add_key({.kind = SoughtKind::kFileKey, .name = file.path}, opened->file_key.reveal());
    return Status::ok();
  });
}

}  // namespace coffer
