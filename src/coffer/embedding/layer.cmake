coffer_layer(coffer embedding coffer.cc streaming.cc)
