coffer_layer(coffer files file_reader.cc guarded_copy.cc log_cursor.cc log_reader.cc scratch.cc)
