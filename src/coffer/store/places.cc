#include "coffer/store/places.h"

#include <filesystem>

#include "coffer/base/path.h"

namespace coffer {
namespace {

// Needs no work: most paths that engines use.
bool is_plain(std::string_view path) {
  return path.size() > 1 && path.front() == '/' && path.back() != '/' && path.find("//") == std::string_view::npos &&
         path.find("/.") == std::string_view::npos;
}

std::string described_store(const StoreEntry& store) {
  return store.path + (store.node.empty() ? "" : " of node " + store.node);
}

}  // namespace

Places::Places(Disk& disk, const Config& config, std::string coffer_directory, std::vector<StorePlace> more)
    : disk_(disk),
      config_(config),
      coffer_directory_(std::move(coffer_directory)),
      node_(disk, coffer_directory_, config.coffer_id),
      elsewhere_(std::move(more)) {
  elsewhere_.insert(elsewhere_.end(), config.stores.begin(), config.stores.end());
}

std::string Places::plain(const std::string& path) {
  if (is_plain(path)) return path;
  return absolute_path(std::filesystem::path(absolute_path(path)).lexically_normal().string());
}

std::string Places::known(std::string_view path) const {
  const StorePlace* best = nullptr;
  for (const StorePlace& each : elsewhere_) {
    if (is_within(path, each.at) && (best == nullptr || best->at.size() < each.at.size())) best = &each;
  }
  return best == nullptr ? std::string(path) : best->path + std::string(path.substr(best->at.size()));
}

std::string Places::here(const std::string& known_path) const {
  const StorePlace* best = nullptr;
  for (const StorePlace& each : elsewhere_) {
    if (is_within(known_path, each.path) && (best == nullptr || best->path.size() < each.path.size())) best = &each;
  }
  return best == nullptr ? known_path : best->at + known_path.substr(best->path.size());
}

std::string Places::without_links(const std::string& directory) const {
  auto found = disk_.canonical(directory);
  if (found.is_ok()) return *found;
  // Not there yet: as far as it is.
  const std::string parent(parent_of(directory));
  if (parent == directory || directory.size() < 2) return directory;
  const std::string above = without_links(parent);
  return (above == "/" ? above : above + "/") + std::string(base_name(directory));
}

Result<std::string> Places::node_of_new(const Keyring& keyring, const std::string& known_path) const {
  if (keyring.nodes().empty()) return std::string();
  const StorePlace* best = nullptr;
  for (const StorePlace& each : config_.stores) {
    if (is_within(known_path, each.path) && (best == nullptr || best->path.size() < each.path.size())) best = &each;
  }
  if (best != nullptr && best->shared) return std::string();
  const Status state = node_.state(keyring);
  if (!state.is_ok() && state.code() != Code::kNotFound) {
    return state.with_context("this machine may be a node that has stores of its own");
  }
  std::string name = node_.name(keyring);
  return keyring.find_node(name) != nullptr ? std::move(name) : std::string();
}

Place Places::of_directory(const Keyring& keyring, const std::string& directory) const {
  const std::string text = plain(directory);
  const std::string node = node_.name(keyring);
  Place place{known(text), nullptr, true};
  if ((place.store = keyring.store_at(place.path, node)) != nullptr) return place;
  place.exact = false;
  place.store = keyring.store_of(place.path, node);
  // What lies within a database's directory is its own, wherever a link there leads to.
  if (place.store != nullptr && place.store->confirmed) return place;
  Place resolved{known(without_links(text)), nullptr, true};
  if ((resolved.store = keyring.store_at(resolved.path, node)) != nullptr) return resolved;
  resolved.exact = false;
  resolved.store = keyring.store_of(resolved.path, node);
  if (resolved.store == nullptr) resolved.store = place.store;
  return resolved;
}

std::string Places::domain_of(const std::string& path) const {
  const std::string text = plain(path);
  std::string domain(config_.domain_of(text));
  if (domain == kSystemDomain) domain = config_.domain_of(known(text));
  if (domain == kSystemDomain && !config_.domains.empty()) {
    domain = config_.domain_of(without_links(std::string(parent_of(text))) + "/" + std::string(base_name(text)));
  }
  return domain;
}

Status Places::check(const Keyring& keyring, const EnvelopeFields& fields, std::string_view domain,
                     const std::string& path, const std::string& shown) const {
  const std::string directory(parent_of(plain(path)));
  const Place place = of_directory(keyring, directory);
  if (config_.bind == Binding::kStore) {
    const bool at_home =
        place.store != nullptr && (place.store->id == fields.store_id || place.store->descends_from(fields.store_id));
    if (!at_home) return foreign_store(keyring, place, fields.store_id, path);
  }
  if (domain == kSystemDomain || (place.store != nullptr && place.store->holds_domain(domain))) return Status::ok();
  if (place.store != nullptr && place.store->names_encrypted && shown.empty()) return Status::ok();
  const std::string expected = domain_of(shown.empty() ? path : shown);
  return expected == domain ? Status::ok() : foreign_domain(domain, expected, path);
}

Status Places::foreign_store(const Keyring& keyring, const Place& place, const Id& store,
                             const std::string& path) const {
  const StoreEntry* home = keyring.find_store(store);
  const std::string directory(parent_of(plain(path)));
  const std::string node = node_.name(keyring);
  std::string text = path + ": belongs to " +
                     (home != nullptr ? "the store " + described_store(*home)
                                      : "a store that is not in the keyring (" + store.short_hex() + ")") +
                     " and was found " +
                     (place.store != nullptr ? "in the store " + described_store(*place.store)
                                             : "in no store of this coffer");
  const bool is_of_another = home != nullptr && !home->is_of(node);
  const bool moved = home != nullptr && !is_of_another && disk_.info(here(home->path)).code() == Code::kNotFound;
  text += "; ";
  if (is_of_another) {
    const Status state = node_.state(keyring);
    if (!state.is_ok() && state.code() != Code::kNotFound)
      text += "which node this machine is cannot be read: " + state.to_string() + "; ";
    else
      text += "this machine is " + (node.empty() ? "none of the nodes" : "node " + node) + "; ";
  }
  if (moved)
    text += "if that directory was moved: coffer store move " + coffer_directory_ + " " + home->path + " " + directory +
            "; ";
  text += "if it is there on purpose: coffer store adopt " + coffer_directory_ + " " + directory;
  return {Code::kForeign, std::move(text)};
}

Status Places::foreign_domain(std::string_view domain, std::string_view expected, const std::string& path) const {
  return {Code::kForeign, path + ": belongs to the domain " + std::string(domain) +
                              " and was found at a path of the domain " + std::string(expected) +
                              "; if it is there on purpose: coffer store adopt " + coffer_directory_ + " " +
                              std::string(parent_of(plain(path)))};
}

}  // namespace coffer
