# The SQLite door: an extension that SQLite loads, with Coffer inside. It calls SQLite by the table that it is handed,
# and links no library of it.
pkg_check_modules(SQLITE3 REQUIRED sqlite3>=3.40)
add_library(coffer_sqlite MODULE)
coffer_layer(coffer_sqlite engines/sqlite
  coffers.cc database_connection.cc database_file.cc extension.cc failure.cc file.cc growth.cc head.cc
  journal_file.cc journal_read.cc shared_memory.cc temp_file.cc vfs.cc wal_file.cc wal_read.cc)
target_include_directories(coffer_sqlite PRIVATE ${SQLITE3_INCLUDE_DIRS})
target_link_libraries(coffer_sqlite PRIVATE coffer coffer_flags ${CMAKE_DL_LIBS})
# Only what SQLite looks for is visible; everything else is the module's own.
target_link_options(coffer_sqlite PRIVATE
  -Wl,--gc-sections -Wl,--version-script=${CMAKE_CURRENT_LIST_DIR}/extension.map -Wl,-z,defs)
set_target_properties(coffer_sqlite PROPERTIES
  PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}
  LINK_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/extension.map)
