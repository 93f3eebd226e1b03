#include "coffer/files/new_file.h"

namespace coffer {

Result<NewFile> new_header(Coffer& coffer, const NewFilePlace& place) {
  const Config& config = coffer.config();
  NewFileRequest request;
  request.kind = kind_of(place.role, config);
  request.suite = config.suite_of(request.kind);
  request.chunk_log2 = config.chunk_log2_of(request.kind);
  if (place.role == EngineRole::kData) {
    request.domain = place.domain.empty() ? coffer.places().domain_of(place.path) : std::string_view(place.domain);
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
  return body.create(std::move(coffer), std::move(header), role);
}

}  // namespace coffer
