coffer_layer(coffer ops inventory.cc rewrap.cc verify.cc)
