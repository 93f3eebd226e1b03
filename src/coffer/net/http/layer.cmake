# HTTPS for key services: Vault, AWS KMS and their like.
coffer_layer(coffer net/http http.cc transfer.cc settings.cc json_view.cc json_body.cc)
target_link_libraries(coffer PRIVATE CURL::libcurl)
