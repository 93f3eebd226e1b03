// A version anchor in an etcd that is another than the keyring's. One key, compared and swapped.
#include "coffer/net/etcd/client.h"
#include "coffer/providers/module.h"

namespace coffer {
namespace {

constexpr int kAnchorRacesMax = 100;

class EtcdAnchor final : public VersionAnchor {
 public:
  EtcdAnchor(etcd::Settings settings, const Id& coffer_id) : client_(std::move(settings)), coffer_id_(coffer_id) {}

  Result<std::optional<KeyringMark>> load() override {
    COFFER_ASSIGN(const Found found, read());
    return found.mark;
  }

  Status advance(const KeyringMark& mark) override {
    const std::string text = format_anchor(coffer_id_, mark);
    for (int races = 0; races < kAnchorRacesMax; ++races) {
      COFFER_ASSIGN(const Found found, read());
      if (found.mark.has_value() && found.mark->version > mark.version) return {};
      COFFER_TRY(check_mark(found.mark, mark));
      if (found.mark == mark) return {};
      etcd::Transaction swap;
      swap.expect(key(), found.mod_revision).put(key(), as_bytes(text));
      COFFER_ASSIGN(const etcd::Answered swapped, client_.commit(swap));
      if (swapped.succeeded) return {};
    }
    return {Code::kConflict, "version anchor " + name() + " keeps changing; try again"};
  }

 private:
  struct Found {
    std::optional<KeyringMark> mark;
    uint64_t mod_revision = 0;
  };

  const std::string& key() const { return client_.settings().prefix; }
  const std::string& name() const { return client_.settings().name; }

  Result<Found> read() {
    auto answered = client_.commit(etcd::Transaction().read({key()}));
    if (!answered.is_ok()) return answered.status().with_context("version anchor");
    Found out;
    const bool is_one = answered->read.size() == 1 && answered->read[0].size() <= 1;
    if (is_one && answered->read[0].empty()) return out;
    if (!is_one || answered->read[0][0].key != key() || answered->read[0][0].mod_revision == 0) {
      return {Code::kTampered, "version anchor " + name() + ": etcd answers something else than was asked"};
    }
    COFFER_ASSIGN(out.mark, parse_anchor(as_text(answered->read[0][0].value), coffer_id_, name()));
    out.mod_revision = answered->read[0][0].mod_revision;
    return out;
  }

  etcd::Client client_;
  const Id coffer_id_;
};

}  // namespace

// "etcd://HOST,…/KEY?…": that key itself.
Result<std::unique_ptr<VersionAnchor>> open_etcd_anchor(Disk&, const ProviderUri& uri, const AnchorPlace& place) {
  COFFER_ASSIGN(etcd::Settings settings, etcd::read_settings(uri, place.sealing_key));
  return std::unique_ptr<VersionAnchor>(std::make_unique<EtcdAnchor>(std::move(settings), place.coffer_id));
}

}  // namespace coffer
