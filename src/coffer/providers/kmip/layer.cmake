# KMIP: the encodings (codec), the client that speaks to servers, and the provider on top of it.
coffer_layer(coffer providers/kmip
  names.cc ttlv.cc scalars.cc xml.cc json.cc message.cc attributes.cc
  settings.cc uri.cc yaml.cc stores.cc tls_context.cc waiting.cc resolve.cc connection.cc host_group.cc
  client.cc client_read.cc
  key_handle.cc key_search.cc kept_keys.cc service_key.cc provider.cc)
coffer_layer(coffer providers/kmip jks.cc)
