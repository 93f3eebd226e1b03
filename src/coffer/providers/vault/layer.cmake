coffer_layer(coffer providers/vault settings.cc session.cc vault_provider.cc)
