# Installation: libraries, headers, the CMake package `coffer` (coffer::coffer, and coffer::rocksdb where RocksDB is),
# pkg-config files (coffer, coffer_rocksdb).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(COFFER_INSTALL_CMAKE ${CMAKE_INSTALL_LIBDIR}/cmake/coffer)

# Headers that are nobody's business outside: the cipher backends, doubles for tests, the command line.
install(DIRECTORY ${PROJECT_SOURCE_DIR}/src/coffer DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h"
  REGEX "/crypto/(openssl|aead.*|counter_mode.*|key_wrap_any|ipsec.*|nonce_audit)\\.h$" EXCLUDE
  REGEX "/(pkcs11/(module|session|wrapping)|tpm/(device|sealing|session|nv_index))\\.h$" EXCLUDE
  REGEX "/io/(memory|fault)_disk.*\\.h$" EXCLUDE
  REGEX "/(pkcs11|tpm|cli|engines)$" EXCLUDE)
set(COFFER_GENERATED ${PROJECT_BINARY_DIR}/generated)
install(FILES ${COFFER_GENERATED}/coffer/version.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/coffer)
install(FILES ${PROJECT_SOURCE_DIR}/src/coffer/engines/rocksdb/file_system.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/coffer/engines/rocksdb)

install(TARGETS coffer EXPORT coffer_targets)
install(TARGETS coffer_providers EXPORT coffer_providers_targets)
get_property(modules GLOBAL PROPERTY COFFER_PROVIDER_MODULES)
if(modules)
  install(TARGETS ${modules} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/${COFFER_PROVIDER_FOLDER})
endif()
install(TARGETS coffer_rocksdb EXPORT coffer_rocksdb_targets)
install(TARGETS coffer_rocksdb_preload LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})

write_basic_package_version_file(${COFFER_GENERATED}/cofferConfigVersion.cmake COMPATIBILITY SameMinorVersion)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/cofferConfig.cmake.in
  ${COFFER_GENERATED}/cofferConfig.cmake INSTALL_DESTINATION ${COFFER_INSTALL_CMAKE})
install(FILES ${COFFER_GENERATED}/cofferConfig.cmake ${COFFER_GENERATED}/cofferConfigVersion.cmake
  DESTINATION ${COFFER_INSTALL_CMAKE})
install(EXPORT coffer_targets NAMESPACE coffer:: FILE cofferTargets.cmake DESTINATION ${COFFER_INSTALL_CMAKE})
install(EXPORT coffer_providers_targets NAMESPACE coffer:: FILE cofferProvidersTargets.cmake
  DESTINATION ${COFFER_INSTALL_CMAKE})
install(EXPORT coffer_rocksdb_targets NAMESPACE coffer:: FILE cofferRocksdbTargets.cmake
  DESTINATION ${COFFER_INSTALL_CMAKE})

# What coffer links is private to a shared library, and everybody's business with a static one.
set(COFFER_PC_MODULES "libcrypto libisal yaml-cpp")
if(BUILD_SHARED_LIBS)
  set(COFFER_PC_REQUIRES "Requires.private: ${COFFER_PC_MODULES}")
else()
  set(COFFER_PC_REQUIRES "Requires: ${COFFER_PC_MODULES}")
  if(IPSEC_MB_LIBRARY)
    set(COFFER_PC_LIBRARIES "-lIPSec_MB")
  endif()
endif()
file(RELATIVE_PATH COFFER_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
foreach(name coffer coffer_rocksdb)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/${name}.pc.in ${COFFER_GENERATED}/${name}.pc @ONLY)
  install(FILES ${COFFER_GENERATED}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()
