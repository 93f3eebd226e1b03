# HTTPS for key services: Vault, AWS KMS and their like. What reads and writes JSON needs no libcurl.
coffer_layer(coffer net/http json_view.cc json_body.cc retry.cc)
if(COFFER_WITH_HTTP)
  coffer_layer(coffer_providers net/http http.cc stream.cc transfer.cc settings.cc)
  target_link_libraries(coffer_providers PRIVATE CURL::libcurl)
endif()
