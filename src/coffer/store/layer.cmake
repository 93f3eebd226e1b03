coffer_layer(coffer store coffer.cc create.cc places.cc store_register.cc surroundings.cc)
