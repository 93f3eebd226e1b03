#include "coffer/embedding/streaming.h"

#include "coffer/base/path.h"
#include "coffer/embedding/no_throw.h"
#include "coffer/ops/stream_nodes.h"
#include "coffer/providers/registry.h"

namespace coffer {

Result<std::shared_ptr<StreamingNode>> open_streaming_node(const Coffer& coffer) noexcept {
  return no_throw([&]() -> Result<std::shared_ptr<StreamingNode>> {
    COFFER_ASSIGN(NodeIdentity identity, open_node_identity(coffer, open_provider));
    return std::make_shared<StreamingNode>(std::move(identity));
  });
}

Result<std::string> stream_envelope(Coffer& coffer, const StreamingNode& by, const std::string& path,
                                    const std::string& to) noexcept {
  return no_throw([&]() -> Result<std::string> {
    COFFER_ASSIGN(const X25519Public receiver, stream_receiver(coffer, to));
    COFFER_ASSIGN(const Bytes envelope, envelope_for(coffer, absolute_path(path), by, receiver));
    return std::string(as_text(envelope));
  });
}

Result<StreamedHeader> take_stream_envelope(Coffer& coffer, const StreamingNode& node, const std::string& envelope,
                                            const std::string& path, const std::string& domain) noexcept {
  return no_throw([&]() -> Result<StreamedHeader> {
    StreamedHeader out;
    const std::string place = absolute_path(path);
    COFFER_ASSIGN(const TakenOver taken,
                  take_over_envelope(coffer, as_bytes(envelope), node, trust_known_nodes(coffer, out.from),
                                     {.directory = std::string(parent_of(place)),
                                      .joins_database = true,
                                      .path = place,
                                      .domain = domain}));
    out.header = as_text(taken.file.envelope);
    out.body_size = taken.body_size;
    return out;
  });
}

}  // namespace coffer
