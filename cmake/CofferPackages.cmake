# Debian packages, one for each thing that somebody may want without the others: cpack, in a build of the preset
# `package`. Debian's own tools find out which libraries each needs. packaging/test installs them into a fresh system.
set(COFFER_SONAME ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME coffer)
set(CPACK_PACKAGE_VENDOR Coffer)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")  # each has its own
# Whoever builds packages answers for them, and tells Debian's tools who that is in the same two variables.
set(builder "$ENV{DEBFULLNAME} <$ENV{DEBEMAIL}>")
if(builder MATCHES "^ | <>$")
  set(builder "whoever built it <root@localhost>")
endif()
set(COFFER_PACKAGE_MAINTAINER "${builder}" CACHE STRING "Maintainer of the Debian packages: NAME <ADDRESS>")
set(CPACK_PACKAGE_CONTACT "${COFFER_PACKAGE_MAINTAINER}")
set(CPACK_PACKAGING_INSTALL_PREFIX ${CMAKE_INSTALL_PREFIX})
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${PROJECT_BINARY_DIR} ${PROJECT_BINARY_DIR}/src)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY "=")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

# `about`: the first line is what lists show. More: DEPENDS and RECOMMENDS, as Debian writes them; libraries of others
# are found.
function(coffer_package component name section about)
  cmake_parse_arguments(PARSE_ARGV 4 of "" "DEPENDS;RECOMMENDS" "")
  string(TOUPPER ${component} upper)
  set(prefix CPACK_DEBIAN_${upper})
  set(${prefix}_PACKAGE_NAME ${name} PARENT_SCOPE)
  set(${prefix}_PACKAGE_SECTION ${section} PARENT_SCOPE)
  set(CPACK_COMPONENT_${upper}_DESCRIPTION "${about}" PARENT_SCOPE)
  set(${prefix}_PACKAGE_DEPENDS "${of_DEPENDS}" PARENT_SCOPE)
  set(${prefix}_PACKAGE_RECOMMENDS "${of_RECOMMENDS}" PARENT_SCOPE)
  set(CPACK_COMPONENTS_ALL ${CPACK_COMPONENTS_ALL} ${component} PARENT_SCOPE)
  install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${name} RENAME copyright
    COMPONENT ${component})
  install(FILES ${PROJECT_SOURCE_DIR}/CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${name}
    COMPONENT ${component})
endfunction()

set(same "(= ${PROJECT_VERSION})")
set(CPACK_COMPONENTS_ALL "")
coffer_package(tools coffer admin
  "encryption at rest for storage engines: the command line\nMakes coffers, rotates keys, says what they protect."
  RECOMMENDS "coffer-providers ${same}")
coffer_package(providers coffer-providers admin
  "root keys of Coffer in a KMS: KMIP, PKCS#11, TPM, Vault and clouds\nRoot keys in key files need none of them.")
coffer_package(mount coffer-mount admin
  "encrypted directories as file systems, by Coffer\nAny program reads and writes them as they are. Has a systemd unit."
  DEPENDS "coffer ${same}, fuse3")
coffer_package(rocksdb coffer-rocksdb database
  "RocksDB's programs on encrypted files, by Coffer\nWhat coffer exec puts into a program that uses RocksDB's library."
  DEPENDS "coffer ${same}")
coffer_package(sqlite coffer-sqlite database
  "encrypted SQLite databases, by Coffer\nAn extension that any SQLite loads."
  RECOMMENDS "coffer ${same}")
coffer_package(library libcoffer${COFFER_SONAME} libs
  "encryption at rest for storage engines: the library"
  RECOMMENDS "coffer-providers ${same}")
coffer_package(rocksdb_library libcoffer-rocksdb${COFFER_SONAME} libs
  "encryption at rest for storage engines: RocksDB's file system"
  DEPENDS "libcoffer${COFFER_SONAME} ${same}")
coffer_package(c_library libcoffer-c${COFFER_SONAME} libs
  "encryption at rest for storage engines: the library for C")
coffer_package(dev libcoffer-dev libdevel
  "encryption at rest for storage engines: headers and static libraries"
  DEPENDS "libcoffer${COFFER_SONAME} ${same}, libcoffer-rocksdb${COFFER_SONAME} ${same}, \
libcoffer-c${COFFER_SONAME} ${same}, librocksdb-dev, libssl-dev, libyaml-cpp-dev, libisal-dev")
if(TARGET coffer_key_management)
  coffer_package(mariadb coffer-mariadb database
    "keys of Coffer's for MariaDB's encryption\nAn encryption plug-in in the place of file_key_management."
    DEPENDS "mariadb-server-core (>= 1:10.11)" RECOMMENDS "coffer ${same}")
  # Where Debian's server looks.
  set(plugins lib/mysql/plugin)
  file(RELATIVE_PATH to ${CMAKE_INSTALL_PREFIX}/${plugins} ${CMAKE_INSTALL_FULL_LIBDIR})
  install(CODE "
    set(folder \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${plugins}\")
    file(MAKE_DIRECTORY \"\${folder}\")
    file(CREATE_LINK ${to}/coffer_key_management.so \"\${folder}/coffer_key_management.so\" SYMBOLIC)"
    COMPONENT mariadb)
endif()
include(CPack)
