coffer_layer(coffer store coffer.cc create.cc surroundings.cc)
