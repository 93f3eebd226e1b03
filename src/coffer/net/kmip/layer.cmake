# KMIP: the encodings, and the client that speaks to servers. What coffer.yaml says of servers is read without them.
coffer_layer(coffer net/kmip settings.cc)
if(COFFER_WITH_KMIP)
  coffer_layer(coffer_providers net/kmip
    attributes.cc client.cc connection.cc host_group.cc message.cc names.cc socket.cc stores.cc
    tls_context.cc ttlv.cc)
  target_link_libraries(coffer_providers PRIVATE OpenSSL::SSL)
endif()
