coffer_provider(azure-kv providers/azure_kv open_azure_kv
  SOURCES credentials.cc azure_kv_provider.cc)
