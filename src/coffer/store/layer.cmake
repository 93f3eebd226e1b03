coffer_layer(coffer store coffer.cc)
