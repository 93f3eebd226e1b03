# The C library. Static for our tests; the shared one is made of its objects and has all that it needs of Coffer inside,
# so that its ABI is the header's alone.
add_library(coffer_c STATIC)
coffer_layer(coffer_c bindings/c
  blobs.cc callback_file.cc changing_file.cc coffers.cc errors.cc files.cc reading_file.cc writing_file.cc)
target_include_directories(coffer_c PUBLIC ${CMAKE_CURRENT_LIST_DIR}/include)
target_link_libraries(coffer_c PUBLIC coffer PRIVATE coffer_flags)

add_library(coffer_c_shared SHARED $<TARGET_OBJECTS:coffer_c>)
set(map ${CMAKE_CURRENT_LIST_DIR}/coffer_c.map)
target_link_libraries(coffer_c_shared PRIVATE coffer coffer_flags)
target_link_options(coffer_c_shared PRIVATE
  -Wl,--version-script=${map},-Bsymbolic-functions,--as-needed,--gc-sections)
if(NOT COFFER_SANITIZE)
  target_link_options(coffer_c_shared PRIVATE -Wl,-z,defs)
endif()
target_include_directories(coffer_c_shared INTERFACE
  $<BUILD_INTERFACE:${CMAKE_CURRENT_LIST_DIR}/include> $<INSTALL_INTERFACE:include>)
set_target_properties(coffer_c_shared PROPERTIES OUTPUT_NAME coffer_c EXPORT_NAME c
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR} LINK_DEPENDS ${map}
  LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
add_library(coffer::c ALIAS coffer_c_shared)
