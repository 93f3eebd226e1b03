# Installation: libraries (shared and static), the public headers, the CMake package `coffer` (coffer::coffer,
# coffer::rocksdb where RocksDB is, coffer::providers, coffer::c) and pkg-config files (coffer, coffer_rocksdb,
# coffer_c). docs/embedding.md.
include(CMakePackageConfigHelpers)

# Components are packages (CofferPackages.cmake). What says nothing is for who compiles.
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME dev)

set(COFFER_INSTALL_CMAKE ${CMAKE_INSTALL_LIBDIR}/cmake/coffer)
set(COFFER_GENERATED ${PROJECT_BINARY_DIR}/generated)

# All that a program may include. What is not here may change any day.
set(COFFER_PUBLIC_HEADERS
  base/finding.h base/status.h embedding/coffer.h embedding/streaming.h engines/rocksdb/attach.h
  engines/rocksdb/file_system.h engines/rocksdb/reencrypt.h providers/linked.h)
foreach(header IN LISTS COFFER_PUBLIC_HEADERS)
  get_filename_component(folder ${header} DIRECTORY)
  install(FILES ${PROJECT_SOURCE_DIR}/src/coffer/${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/coffer/${folder})
endforeach()
install(FILES ${PROJECT_SOURCE_DIR}/src/coffer/bindings/c/include/coffer/coffer_c.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/coffer)
install(FILES ${COFFER_GENERATED}/coffer/version.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/coffer)

# A shared library, in its own package; the name that linkers look for belongs to who compiles.
function(coffer_install_shared target export component)
  install(TARGETS ${target} EXPORT ${export}
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT ${component} NAMELINK_COMPONENT dev)
endfunction()

install(TARGETS coffer EXPORT coffer_static_targets)
install(TARGETS coffer_providers EXPORT coffer_providers_targets)
install(TARGETS coffer_rocksdb EXPORT coffer_rocksdb_static_targets)
if(TARGET coffer_shared)
  coffer_install_shared(coffer_shared coffer_shared_targets library)
  coffer_install_shared(coffer_rocksdb_shared coffer_rocksdb_shared_targets rocksdb_library)
endif()
coffer_install_shared(coffer_c_shared coffer_c_targets c_library)
install(TARGETS coffer_rocksdb_preload LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT rocksdb)
install(TARGETS coffer_sqlite LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT sqlite)
if(TARGET coffer_key_management)
  install(TARGETS coffer_key_management LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT mariadb)
endif()
get_property(modules GLOBAL PROPERTY COFFER_PROVIDER_MODULES)
if(modules)
  install(TARGETS ${modules} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/${COFFER_PROVIDER_FOLDER}
    COMPONENT providers)
endif()

write_basic_package_version_file(${COFFER_GENERATED}/cofferConfigVersion.cmake COMPATIBILITY SameMinorVersion)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/cofferConfig.cmake.in
  ${COFFER_GENERATED}/cofferConfig.cmake INSTALL_DESTINATION ${COFFER_INSTALL_CMAKE})
install(FILES ${COFFER_GENERATED}/cofferConfig.cmake ${COFFER_GENERATED}/cofferConfigVersion.cmake
  DESTINATION ${COFFER_INSTALL_CMAKE})
set(exports static providers rocksdb_static c)
if(TARGET coffer_shared)
  list(APPEND exports shared rocksdb_shared)
endif()
foreach(name IN LISTS exports)
  install(EXPORT coffer_${name}_targets NAMESPACE coffer:: FILE coffer_${name}.cmake
    DESTINATION ${COFFER_INSTALL_CMAKE})
endforeach()

# `pkg-config --static` names what the static libraries need; without it the shared ones bring it along.
set(COFFER_PC_LIBRARIES "")
if(IPSEC_MB_LIBRARY)
  set(COFFER_PC_LIBRARIES "-lIPSec_MB")
endif()
file(RELATIVE_PATH COFFER_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
foreach(name coffer coffer_rocksdb coffer_c)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/${name}.pc.in ${COFFER_GENERATED}/${name}.pc @ONLY)
  install(FILES ${COFFER_GENERATED}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()
