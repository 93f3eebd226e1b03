coffer_provider(vault providers/vault open_vault
  SOURCES settings.cc session.cc vault_provider.cc)
