coffer_layer(coffer store log_cursor.cc log_reader.cc)
