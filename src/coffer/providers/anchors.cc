#include "coffer/providers/anchors.h"

#include "coffer/providers/module.h"

namespace coffer {

Result<std::unique_ptr<VersionAnchor>> open_anchor(Disk& disk, const std::string& place, const Id& coffer_id,
                                                   const std::string& directory) {
  if (!place.starts_with("tpm:")) return open_anchor_at_path(disk, place, coffer_id, directory);
  COFFER_ASSIGN(const ProviderUri uri, parse_provider_uri(place));
  COFFER_ASSIGN(const ProviderPart part, find_provider_part(uri.scheme));
  return part.open_anchor(disk, uri, coffer_id, directory);
}

}  // namespace coffer
