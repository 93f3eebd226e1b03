coffer_provider(kmip providers/kmip open_kmip_provider REACH reach_kmip_group
  SOURCES key_search.cc kept_keys.cc provider.cc)
