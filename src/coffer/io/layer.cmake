coffer_layer(coffer io posix_disk.cc whole_file.cc)
