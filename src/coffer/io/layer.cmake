coffer_layer(coffer io pace.cc posix_disk.cc posix_file.cc trusted_path.cc whole_file.cc)
