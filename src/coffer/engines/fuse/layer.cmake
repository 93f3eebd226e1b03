# The mount: a file system that any program uses.
# Where a store is mounted, who keeps whom out of it, and what its names are, others ask too, who need no libfuse.
coffer_layer(coffer engines/fuse
  freeze_client.cc freeze_wire.cc mountpoint.cc sealed_directory.cc sealed_names.cc store_lock.cc)

pkg_check_modules(FUSE3 REQUIRED IMPORTED_TARGET fuse3)
add_library(coffer_fuse STATIC)
coffer_layer(coffer_fuse engines/fuse
  appended_body.cc attributes.cc caller.cc coffer_contents.cc counting.cc data.cc directories.cc file_system.cc
  freeze_server.cc inode.cc names.cc new_directory.cc renames.cc session.cc set_ids.cc trouble.cc)
target_compile_definitions(coffer_fuse PUBLIC FUSE_USE_VERSION=312)
target_link_libraries(coffer_fuse PUBLIC coffer PkgConfig::FUSE3 PRIVATE $<BUILD_INTERFACE:coffer_flags>)
coffer_precompile(coffer_fuse <algorithm> <functional> <map> <memory> <mutex> <string> coffer/base/secret.h)
