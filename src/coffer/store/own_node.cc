#include "coffer/store/own_node.h"

#include <mutex>

#include "coffer/base/codec.h"
#include "coffer/base/text.h"
#include "coffer/io/replace_like.h"
#include "coffer/store/node_key.h"

namespace coffer {
namespace {

constexpr std::string_view kPinPrefix = "coffer-pin:v1:";
constexpr std::string_view kPinPurpose = "pin";
constexpr size_t kPinSize = kX25519Size + 8;
constexpr size_t kPinFileSizeMax = 512;
constexpr size_t kNodeKeyFileSizeMax = 16384;
constexpr uint32_t kPinMode = 0600;

// What is signed: the pin, of this coffer.
Bytes pinned(ByteView pin, const Id& coffer_id) {
  Bytes out(coffer_id.view().begin(), coffer_id.view().end());
  out.insert(out.end(), pin.begin(), pin.end());
  return out;
}

class FileOwnNode final : public OwnNode {
 public:
  FileOwnNode(Disk& disk, std::shared_ptr<ConfigFile> config, ProviderOpener opener, std::string directory)
      : disk_(disk), config_(std::move(config)), opener_(opener), directory_(std::move(directory)) {}

  Result<std::optional<uint64_t>> period() override {
    COFFER_ASSIGN(const Config config, config_->read());
    return config.policy.node_slots;
  }

  // A TPM takes its time, so what it opened is kept as long as the file is the same.
  Result<std::shared_ptr<const NodeIdentity>> identity() override {
    std::lock_guard lock(mutex_);
    const auto text = read_file(disk_, directory_ + "/" + std::string(kNodeKeyName), kNodeKeyFileSizeMax);
    if (text.is_ok() && identity_ != nullptr && *text == text_) return identity_;
    identity_.reset();
    COFFER_ASSIGN(const Config config, config_->read());
    COFFER_ASSIGN(NodeIdentity opened, open_local_node_identity(disk_, directory_, config, opener_));
    COFFER_ASSIGN(text_, text);
    identity_ = std::make_shared<const NodeIdentity>(std::move(opened));
    return identity_;
  }

  Result<NodePin> pin() override {
    const auto file = read_file(disk_, path(), kPinFileSizeMax);
    if (file.code() == Code::kNotFound) {
      return {Code::kNotFound, "this node has not served by its root key yet, which comes before a start by its slot"};
    }
    COFFER_TRY(file.status());
    const Status not_one(Code::kDamaged, path() + " is not as Coffer writes it; remove it");
    std::string_view text = trimmed(as_text(*file));
    if (!text.starts_with(kPinPrefix)) return not_one;
    text.remove_prefix(kPinPrefix.size());
    const auto bytes = from_hex(text);
    if (!bytes.is_ok() || bytes->size() != kPinSize + sizeof(Signature)) return not_one;
    COFFER_ASSIGN(const auto node, identity());
    Reader reader(*bytes);
    const ByteView fields = reader.bytes(kPinSize);
    Signature signature{};
    reader.copy_to(signature);
    COFFER_TRY(check_node_signature(node->node(), kPinPurpose, pinned(fields, node->node().coffer_id), signature)
                   .with_context(path()));
    Reader pin(fields);
    NodePin out;
    pin.copy_to(out.sender);
    out.seen = pin.u64();
    return out;
  }

  Status keep(const NodePin& pin) override {
    COFFER_ASSIGN(const auto node, identity());
    Bytes bytes(kPinSize + sizeof(Signature));
    Writer writer(bytes);
    writer.bytes(pin.sender);
    writer.u64(pin.seen);
    COFFER_ASSIGN(const Signature signature,
                  node->sign(kPinPurpose, pinned(ByteView(bytes).first(kPinSize), node->node().coffer_id)));
    writer.bytes(signature);
    COFFER_ASSIGN(FileInfo like, disk_.info(directory_));
    like.mode = kPinMode;
    return replace_file_like(disk_, path(), as_bytes(std::string(kPinPrefix) + to_hex(bytes) + "\n"), like);
  }

 private:
  std::string path() const { return directory_ + "/" + std::string(kNodePinName); }

  Disk& disk_;
  const std::shared_ptr<ConfigFile> config_;
  const ProviderOpener opener_;
  const std::string directory_;

  std::mutex mutex_;  // guards what follows
  Bytes text_;        // of node.key
  std::shared_ptr<const NodeIdentity> identity_;
};

}  // namespace

std::unique_ptr<OwnNode> open_own_node(Disk& disk, std::shared_ptr<ConfigFile> config, ProviderOpener opener,
                                       std::string directory) {
  return std::make_unique<FileOwnNode>(disk, std::move(config), opener, std::move(directory));
}

}  // namespace coffer
