coffer_layer(coffer io posix_disk.cc trusted_path.cc whole_file.cc)
