#include "coffer/store/node_key.h"

#include "coffer/base/base64.h"
#include "coffer/config/sealed_value.h"
#include "coffer/crypto/random.h"
#include "coffer/io/replace_like.h"
#include "coffer/keys/keyring_slot_codec.h"
#include "coffer/store/surroundings.h"

namespace coffer {
namespace {

constexpr size_t kNodeKeySizeMax = 16384;
constexpr uint32_t kNodeKeyMode = 0600;
constexpr std::string_view kNodeSlotPrefix = "slot:v1:";

// The file's lines.
struct NodeKeyFile {
  NodePublic node;
  std::optional<KeyringSlot> slot;  // wraps what the seed is sealed by; nothing: that is the coffer's
  std::string sealed;
};

std::string path_of_node_key(const Coffer& coffer, std::string_view name = kNodeKeyName) {
  return coffer.directory() + "/" + std::string(name);
}

SealedPlace seed_place(const NodePublic& node) { return {"node_key", "node:" + node.name, node.coffer_id.hex()}; }

std::string slot_text(const KeyringSlot& slot) {
  Bytes bytes(slots_size({&slot, 1}));
  Writer writer(bytes);
  write_slot(slot, writer);
  return std::string(kNodeSlotPrefix) + base64_text(bytes);
}

Result<KeyringSlot> parse_slot(std::string_view text) {
  COFFER_ASSIGN(const SecretBytes bytes, decode_base64(as_bytes(text), Base64Alphabet::kStandard));
  Reader reader(bytes.reveal());
  KeyringSlot slot = read_slot(reader);
  if (!reader.finished()) return {Code::kDamaged, "its slot is not whole"};
  COFFER_TRY(check_slots({&slot, 1}));
  return slot;
}

std::string_view take_line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

Result<NodeKeyFile> parse_node_key(std::string_view text) {
  NodeKeyFile out;
  COFFER_ASSIGN(out.node, parse_node_public(take_line(text)));
  std::string_view line = take_line(text);
  if (line.starts_with(kNodeSlotPrefix)) {
    COFFER_ASSIGN(out.slot, parse_slot(line.substr(kNodeSlotPrefix.size())));
    line = take_line(text);
  }
  COFFER_TRY(check_sealed_value(line));
  if (!text.empty()) return {Code::kDamaged, "it must end with its sealed keys"};
  out.sealed = line;
  return out;
}

Result<NodeKeyFile> load_node_key(Disk& disk, const std::string& path, const Id& coffer_id) {
  const auto file = disk.open_read_itself(path);
  if (file.code() == Code::kNotFound) {
    return {Code::kNotFound,
            "this node has no keys of its own, " + path + "; make them: coffer node new COFFER NAME"};
  }
  COFFER_TRY(file.status());
  Bytes text(kNodeKeySizeMax);
  COFFER_ASSIGN(const size_t size, (*file)->read_at(0, text));
  auto parsed = parse_node_key(as_text(text).substr(0, size));
  if (!parsed.is_ok()) {
    return {Code::kDamaged, path + ": it is not as Coffer writes it (" + std::string(parsed.status().message()) +
                                "); restore it, or remove it and give this node new keys: coffer node new COFFER NAME"};
  }
  if (parsed->node.coffer_id != coffer_id) {
    return {Code::kForeign, path + ": it is of a node of coffer " + parsed->node.coffer_id.short_hex() +
                                ", and this is coffer " + coffer_id.short_hex() + "; remove it"};
  }
  return parsed;
}

Result<NodeKeyFile> load_node_key(const Coffer& coffer, const std::string& path) {
  COFFER_TRY(coffer.at_home());
  return load_node_key(coffer.disk(), path, coffer.config().coffer_id);
}

RootKey sealing_key_of(const KeyringKey& key) { return RootKey::copy_of(key.reveal()); }

Result<ConfiguredRoot> open_node_root(const Config& config, const std::string& name, ProviderOpener opener) {
  if (!config.providers.roots.contains(name)) {
    return {Code::kKeyUnavailable, "the node's keys are sealed by root \"" + name + "\", which " +
                                       config.providers.name + " does not have; add it: coffer slot add COFFER --by "
                                       "URI --name " + name + " --configure-only"};
  }
  COFFER_ASSIGN(ConfiguredRoot root, open_configured_root(name, {}, config, opener));
  if (root.provider->opens_by_itself()) return root;
  return {Code::kInvalidArgument, "root " + name + " opens by hand only, and a node must open its keys by itself"};
}

Result<RootKey> unwrap_node_slot(const Config& config, const KeyringSlot& slot, ProviderOpener opener) {
  const KeyringHeader header{config.coffer_id, 0, {slot}};
  COFFER_ASSIGN(const UnlockedSlot unlocked,
                unlock_slots(
                    header,
                    [&](const std::string& name, const std::string&) { return open_node_root(config, name, opener); },
                    {}));
  return sealing_key_of(unlocked.key);
}

Status keep_node_key(const Coffer& coffer, const std::string& path, const NodeIdentity& identity,
                     const std::string& root, ProviderOpener opener) {
  COFFER_TRY(coffer.at_home());
  std::string text = format_node_public(identity.node()) + "\n";
  COFFER_ASSIGN(RootKey sealing, coffer.keyring()->config_sealing_key());
  if (!root.empty()) {
    COFFER_ASSIGN(const Config config, coffer.present_config());
    COFFER_ASSIGN(const ConfiguredRoot by, open_node_root(config, root, opener));
    SecretBytes fresh(kKeyringKeySize);
    COFFER_TRY(random_bytes(fresh.reveal_mutable()));
    const KeyringKey key(std::move(fresh));
    COFFER_ASSIGN(const KeyringSlot slot, make_slot(by, coffer.config().coffer_id, key));
    text += slot_text(slot) + "\n";
    sealing = sealing_key_of(key);
  }
  COFFER_ASSIGN(const NodeSeed seed, identity.seed());
  COFFER_ASSIGN(const std::string sealed,
                seal_value(sealing, seed_place(identity.node()), SecretBytes::copy_of(seed.reveal())));
  COFFER_ASSIGN(FileInfo like, coffer.disk().info(coffer.directory()));
  like.mode = kNodeKeyMode;
  return replace_file_like(coffer.disk(), path, as_bytes(text + sealed + "\n"), like);
}

Result<NodeIdentity> open_sealed_keys(NodeKeyFile file, const std::string& path, const RootKey& sealing) {
  auto seed = open_sealed_value(sealing, seed_place(file.node), file.sealed);
  if (!seed.is_ok()) {
    return {seed.status().code(), path + ": the node's keys do not open; they were sealed by another coffer or for "
                                         "another node, or were altered; restore it"};
  }
  auto identity = NodeIdentity::of_seed(std::move(file.node), NodeSeed(std::move(*seed)));
  if (!identity.is_ok()) return identity.status().with_context(path);
  return identity;
}

Result<NodeIdentity> open_node_key(const Coffer& coffer, const std::string& path, ProviderOpener opener) {
  COFFER_ASSIGN(NodeKeyFile file, load_node_key(coffer, path));
  COFFER_ASSIGN(RootKey sealing, coffer.keyring()->config_sealing_key());
  if (file.slot.has_value()) {
    COFFER_ASSIGN(const Config config, coffer.present_config());
    auto key = unwrap_node_slot(config, *file.slot, opener);
    if (!key.is_ok()) return key.status().with_context(path);
    sealing = std::move(*key);
  }
  return open_sealed_keys(std::move(file), path, sealing);
}

}  // namespace

Status keep_node_identity(const Coffer& coffer, const NodeIdentity& identity, const std::string& root,
                          ProviderOpener opener) {
  const std::string path = path_of_node_key(coffer);
  if (coffer.disk().info(path).code() != Code::kNotFound) {
    return {Code::kAlreadyExists, path + " is there: this node has its keys; coffer node show prints what it is"};
  }
  return keep_node_key(coffer, path, identity, root, opener);
}

Result<NodeIdentity> open_node_identity(const Coffer& coffer, ProviderOpener opener) {
  return open_node_key(coffer, path_of_node_key(coffer), opener);
}

std::string node_key_name(const Coffer& coffer) {
  const auto node = node_key_public(coffer);
  return node ? node->name : "";
}

std::optional<NodePublic> node_key_public(const Coffer& coffer) {
  auto file = load_node_key(coffer, path_of_node_key(coffer));
  return file.is_ok() ? std::optional(std::move(file->node)) : std::nullopt;
}

Result<std::string> node_name_at(Disk& disk, const std::string& directory, const Id& coffer_id) {
  COFFER_ASSIGN(NodeKeyFile file, load_node_key(disk, directory + "/" + std::string(kNodeKeyName), coffer_id));
  return std::move(file.node.name);
}

Result<NodeIdentity> open_local_node_identity(Disk& disk, const std::string& directory, const Config& config,
                                              ProviderOpener opener) {
  const std::string path = directory + "/" + std::string(kNodeKeyName);
  COFFER_ASSIGN(NodeKeyFile file, load_node_key(disk, path, config.coffer_id));
  if (!file.slot.has_value()) {
    return {Code::kUnsupported, path + ": the node's keys are sealed by the coffer, which they are to open; make ones "
                                       "that a root of this machine seals: coffer node new COFFER NAME --seal ROOT"};
  }
  const auto root = config.providers.roots.find(file.slot->root);
  if (root != config.providers.roots.end() && !is_key_of_this_machine(root->second.uri)) {
    return {Code::kUnsupported, path + ": the node's keys are sealed by root " + file.slot->root + ", which is no key "
                                       "of this machine (tpm:/PATH or file:///PATH)"};
  }
  auto key = unwrap_node_slot(config, *file.slot, opener);
  if (!key.is_ok()) return key.status().with_context(path);
  return open_sealed_keys(std::move(file), path, *key);
}

Result<std::string> root_of_node_key(const Coffer& coffer) {
  COFFER_ASSIGN(const NodeKeyFile file, load_node_key(coffer, path_of_node_key(coffer)));
  return file.slot.has_value() ? file.slot->root : std::string();
}

Status keep_next_node_identity(const Coffer& coffer, const NodeIdentity& identity, const std::string& root,
                               ProviderOpener opener) {
  return keep_node_key(coffer, path_of_node_key(coffer, kNextNodeKeyName), identity, root, opener);
}

Result<NodeIdentity> open_next_node_identity(const Coffer& coffer, ProviderOpener opener) {
  return open_node_key(coffer, path_of_node_key(coffer, kNextNodeKeyName), opener);
}

Status take_next_node_identity(const Coffer& coffer) {
  COFFER_TRY(coffer.disk().rename(path_of_node_key(coffer, kNextNodeKeyName), path_of_node_key(coffer)));
  return coffer.disk().sync_directory(coffer.directory());
}

}  // namespace coffer
