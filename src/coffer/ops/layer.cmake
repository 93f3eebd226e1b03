coffer_layer(coffer ops inventory.cc rewrap.cc roots.cc stores.cc verify.cc)
