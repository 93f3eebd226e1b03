# The shared libraries, of the objects that are in the static ones: same code, with a soname, a version and an explicit
# list of exports. Not with sanitizers: a stranger's program has none.
if(COFFER_SANITIZE OR COFFER_FUZZ)
  return()
endif()

# coffer_shared(STATIC_TARGET EXPORT_NAME [USERS TARGET…]): USERS are libraries of ours that need what is not public.
function(coffer_shared static export_name)
  cmake_parse_arguments(ARG "" "" "USERS" ${ARGN})
  set(target ${static}_shared)
  set(generated ${PROJECT_BINARY_DIR}/generated/exports)
  set(map ${generated}/${static}.map)
  set(list ${PROJECT_SOURCE_DIR}/cmake/${static}.exports)
  file(GENERATE OUTPUT ${generated}/${static}.objects CONTENT "$<JOIN:$<TARGET_OBJECTS:${static}>,\n>\n")
  set(users)
  set(user_objects)
  foreach(user IN LISTS ARG_USERS)
    file(GENERATE OUTPUT ${generated}/${user}.users CONTENT "$<JOIN:$<TARGET_OBJECTS:${user}>,\n>\n")
    list(APPEND users ${generated}/${user}.users)
    list(APPEND user_objects $<TARGET_OBJECTS:${user}>)
  endforeach()
  set(soversion ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  add_custom_command(OUTPUT ${map}
    COMMAND sh ${PROJECT_SOURCE_DIR}/cmake/export_map.sh
      ${map} ${soversion} ${list} ${generated}/${static}.objects ${users}
    DEPENDS $<TARGET_OBJECTS:${static}> ${user_objects} ${list} ${PROJECT_SOURCE_DIR}/cmake/export_map.sh
    VERBATIM)
  add_library(${target} SHARED $<TARGET_OBJECTS:${static}> ${map})
  target_link_options(${target} PRIVATE
    -Wl,--version-script=${map},-z,defs,-Bsymbolic-functions,--as-needed)
  set_target_properties(${target} PROPERTIES OUTPUT_NAME ${static} EXPORT_NAME ${export_name}
    VERSION ${PROJECT_VERSION} SOVERSION ${soversion} LINK_DEPENDS ${map}
    LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
  target_include_directories(${target} INTERFACE $<INSTALL_INTERFACE:include>)
  target_compile_features(${target} INTERFACE cxx_std_20)
endfunction()

coffer_shared(coffer coffer USERS coffer_rocksdb)
get_target_property(needs coffer LINK_LIBRARIES)
list(FILTER needs EXCLUDE REGEX coffer_flags)
target_link_libraries(coffer_shared PRIVATE ${needs} INTERFACE Threads::Threads)
coffer_shared(coffer_rocksdb rocksdb)
target_link_libraries(coffer_rocksdb_shared PUBLIC coffer_shared PkgConfig::ROCKSDB)
