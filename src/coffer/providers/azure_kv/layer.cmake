coffer_layer(coffer providers/azure_kv credentials.cc challenge.cc service.cc azure_kv_provider.cc)
