coffer_layer(coffer store coffer.cc config.cc inventory.cc rewrap.cc)
