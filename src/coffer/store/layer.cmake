coffer_layer(coffer store coffer.cc create.cc new_root.cc places.cc store_register.cc surroundings.cc)
