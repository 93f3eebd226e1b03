#include "coffer/files/new_file.h"

namespace coffer {

Result<NewFile> new_header(Coffer& coffer, const NewFilePlace& place) {
  const Config& config = coffer.config();
  NewFileRequest request;
  request.kind = place.kind.value_or(kind_of(place.role, config));
  std::string domain;
  if (place.role == EngineRole::kData || place.role == EngineRole::kInPlace) {
    domain = place.domain.empty() ? coffer.places().domain_of(place.path) : place.domain;
    request.domain = domain;
  }
  request.suite = config.suite_of(request.kind, request.domain);
  request.chunk_log2 = config.chunk_log2_of(request.kind, request.domain);
  if (place.recycled != nullptr && request.kind == Kind::kLog) {
    std::array<uint8_t, kLogSessionHeaderSize> beginning{};
    COFFER_ASSIGN(const size_t count, place.recycled->read_at(kEnvelopeSize, beginning));
    COFFER_ASSIGN(request.earlier_body, earlier_body_of(ByteView(beginning).first(count)));
  }
  COFFER_ASSIGN(request.store_id, coffer.stores().store_for({.directory = place.store_directory,
                                                             .joins_database = place.role == EngineRole::kData,
                                                             .confirms = place.confirms_store,
                                                             .path = place.path,
                                                             .domain = request.domain}));
  return coffer.new_file(request);
}

Result<std::unique_ptr<FileWriter>> new_writer(std::shared_ptr<Coffer> coffer, NewFile header, EngineRole role) {
  const Body& body = body_of(header.fields.kind);
  const auto counter = coffer->usage().counter(header.fields.domain_key_id);
  KeyringUsePtr use = header.use;
  COFFER_ASSIGN(auto writer, body.create(std::move(coffer), std::move(header), role));
  writer->be_counted(counter);
  writer->be_used(std::move(use));
  if (may_be_empty(role)) writer->sync_head_first();
  return writer;
}

}  // namespace coffer
