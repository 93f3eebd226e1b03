coffer_layer(coffer ops inventory.cc rewrap.cc stores.cc verify.cc)
