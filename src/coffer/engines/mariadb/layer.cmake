# The MariaDB plug-in, where the server's headers are (Debian: libmariadbd-dev, 600 MB; `./setup --tests` installs it).
find_path(COFFER_MARIADB_INCLUDE mysql/plugin_encryption.h PATH_SUFFIXES mariadb/server)
find_library(COFFER_MARIADB_SERVICES mysqlservices)
if(NOT COFFER_MARIADB_INCLUDE OR NOT COFFER_MARIADB_SERVICES)
  message(STATUS "coffer_key_management (MariaDB) is not built: it needs libmariadbd-dev")
  return()
endif()
add_library(coffer_key_management MODULE)
coffer_layer(coffer_key_management engines/mariadb data_directory.cc plugin.cc server_keys.cc)
target_link_libraries(coffer_key_management PRIVATE coffer_providers coffer coffer_flags ${COFFER_MARIADB_SERVICES})
target_include_directories(coffer_key_management SYSTEM PRIVATE ${COFFER_MARIADB_INCLUDE})
target_compile_definitions(coffer_key_management PRIVATE MYSQL_DYNAMIC_PLUGIN)
# Only what the server looks for is visible. It unloads plug-ins at its end, when modules of key providers, which stay,
# may still use what is in this one.
target_link_options(coffer_key_management PRIVATE -Wl,--as-needed,--gc-sections,-z,defs,-z,nodelete
  -Wl,--version-script=${CMAKE_CURRENT_LIST_DIR}/plugin.map)
set_target_properties(coffer_key_management PROPERTIES
  PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR} LINK_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/plugin.map)
