coffer_provider(kmip providers/kmip open_kmip_provider
  SOURCES key_search.cc kept_keys.cc provider.cc)
