coffer_layer(coffer io posix_disk.cc whole_file.cc)

# Doubles of the disk for tests of every layer: in memory with crashes, and with faults. Never installed.
add_library(coffer_testing STATIC EXCLUDE_FROM_ALL)
coffer_layer(coffer_testing io memory_disk.cc memory_disk_crash.cc fault_disk.cc)
target_link_libraries(coffer_testing PUBLIC coffer::coffer PRIVATE coffer_flags)
