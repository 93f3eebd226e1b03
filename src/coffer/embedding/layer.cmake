coffer_layer(coffer embedding coffer.cc)
