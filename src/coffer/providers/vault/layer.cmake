coffer_provider(vault providers/vault vault_provider.h open_vault
  SOURCES settings.cc session.cc vault_provider.cc)
