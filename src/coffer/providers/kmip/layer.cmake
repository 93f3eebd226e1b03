coffer_layer(coffer providers/kmip key_handle.cc key_search.cc kept_keys.cc provider.cc service_key.cc)
