coffer_layer(coffer store
  coffer.cc config.cc file_reader.cc inventory.cc log_cursor.cc log_reader.cc rewrap.cc verify.cc)
