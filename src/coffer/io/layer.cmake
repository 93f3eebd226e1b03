coffer_layer(coffer io pace.cc posix_disk.cc trusted_path.cc whole_file.cc)
