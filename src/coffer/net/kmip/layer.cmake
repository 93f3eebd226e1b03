# KMIP: the encodings, and the client that speaks to servers.
coffer_layer(coffer net/kmip
  attributes.cc client.cc client_read.cc connection.cc host_group.cc jks.cc message.cc names.cc options.cc
  settings.cc socket.cc stores.cc tls_context.cc ttlv.cc uri.cc)
