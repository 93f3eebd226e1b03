# The RocksDB adapter. Without RTTI: Debian's librocksdb has type information, upstream's release builds do not, and so
# the same code links with both.
pkg_check_modules(ROCKSDB REQUIRED IMPORTED_TARGET rocksdb)
# What its files mean needs no RocksDB: coffer verify asks for it too.
coffer_layer(coffer engines/rocksdb database_lock.cc engine_files.cc file_name.cc manifest.cc records.cc)

add_library(coffer_rocksdb STATIC)
set_target_properties(coffer_rocksdb PROPERTIES EXPORT_NAME rocksdb)
coffer_layer(coffer_rocksdb engines/rocksdb
  attach.cc base_reader.cc base_writer.cc coffer_file_system.cc counts.cc data_domains.cc database_files.cc
  existing_file.cc follow.cc info_log.cc io_status.cc marks.cc moves.cc open.cc random_file.cc reencrypt.cc
  sequential_file.cc uri.cc writable_file.cc)
target_link_libraries(coffer_rocksdb PUBLIC coffer PkgConfig::ROCKSDB PRIVATE $<BUILD_INTERFACE:coffer_flags>)
# The sanitizer's check of virtual tables needs the type information that these targets do without.
set(COFFER_NO_VPTR_CHECK)
if(COFFER_SANITIZE)
  set(COFFER_NO_VPTR_CHECK -fno-sanitize=vptr)
endif()
coffer_precompile(coffer_rocksdb <rocksdb/env.h> <rocksdb/file_system.h> coffer/base/secret.h)
target_compile_options(coffer_rocksdb PRIVATE -fno-rtti ${COFFER_NO_VPTR_CHECK})

add_library(coffer_rocksdb_preload MODULE)
coffer_layer(coffer_rocksdb_preload engines/rocksdb preload.cc)
target_link_libraries(coffer_rocksdb_preload PRIVATE coffer_rocksdb coffer_flags ${CMAKE_DL_LIBS})
target_compile_options(coffer_rocksdb_preload PRIVATE -fno-rtti ${COFFER_NO_VPTR_CHECK})
# Only what takes RocksDB's place is visible; everything else is the module's own.
target_link_options(coffer_rocksdb_preload PRIVATE
  -Wl,--version-script=${CMAKE_CURRENT_LIST_DIR}/preload.map -Wl,-z,defs)
set_target_properties(coffer_rocksdb_preload PROPERTIES
  LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}
  LINK_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/preload.map)
