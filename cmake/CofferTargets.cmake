# Dependencies, and the flags of our own targets. Warnings are errors in our presets only, never for those who embed us.
find_package(OpenSSL 3.0 REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(ISAL REQUIRED IMPORTED_TARGET libisal)
find_package(yaml-cpp REQUIRED)

find_library(IPSEC_MB_LIBRARY IPSec_MB)
find_path(IPSEC_MB_INCLUDE intel-ipsec-mb.h)

add_library(coffer_flags INTERFACE)
target_compile_options(coffer_flags INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 sees overlaps in std::string that cannot be (its bug 105651), at -O2 and above; and copies behind the end of
  # a std::vector that has just been made longer, or of a std::string of a precompiled header.
  target_compile_options(coffer_flags INTERFACE
    -Wno-restrict -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
endif()
if(COFFER_STRICT)
  target_compile_options(coffer_flags INTERFACE -Werror)
endif()
if(COFFER_UNITY AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Until it has so many KiB, GCC does not look for what it could free: a tenth of its time, where files are large.
  add_compile_options(--param=ggc-min-heapsize=1000000)
endif()
if(COFFER_SANITIZE)
  add_compile_options(-fsanitize=${COFFER_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${COFFER_SANITIZE})
  if(COFFER_SANITIZE MATCHES undefined)
    # The check of virtual tables needs type information, which the RocksDB adapter is built without.
    add_compile_options(-fno-sanitize=vptr)
  endif()
  # What GCC guesses about values at run time it guesses wrong once sanitizers are in the code; the plain build asks it.
  target_compile_options(coffer_flags INTERFACE
    -Wno-stringop-overflow -Wno-stringop-overread -Wno-array-bounds -Wno-maybe-uninitialized)
endif()
if(COFFER_NONCE_AUDIT)
  add_compile_definitions(COFFER_NONCE_AUDIT)
endif()
if(COFFER_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()

# The sources of one layer, added to a library: coffer_layer(coffer base status.cc …)
function(coffer_layer target layer)
  list(TRANSFORM ARGN PREPEND ${PROJECT_SOURCE_DIR}/src/coffer/${layer}/)
  target_sources(${target} PRIVATE ${ARGN})
endfunction()

# What every test of ours gets: its label, and a place to record what it seals, which is searched for a nonce used twice
# when all tests have ended (tests/house). All functions are bound at the start: those that search memory for keys would
# find what the dynamic linker leaves on the stack later (docs/keys.md, "Where keys are in memory").
function(coffer_test_properties out label)
  set(properties LABELS ${label} ENVIRONMENT_MODIFICATION LD_BIND_NOW=set:1)
  if(COFFER_NONCE_AUDIT)
    list(APPEND properties
      ENVIRONMENT COFFER_NONCE_AUDIT_DIR=${PROJECT_BINARY_DIR}/nonce_audit FIXTURES_REQUIRED nonce_audit)
  endif()
  set(${out} ${properties} PARENT_SCOPE)
endfunction()

# Precompiled headers, for builds that come beside one without them (the sanitizers'): they save time, and the build
# without them sees to it that every file includes what it uses.
function(coffer_precompile target)
  if(COFFER_PRECOMPILE)
    target_precompile_headers(${target} PRIVATE ${ARGN})
  endif()
endfunction()

# Tests themselves are not worth optimising: it costs a fifth of their compilation, and they wait for what they test.
# Under a sanitizer they run too slowly for that.
function(coffer_compile_quickly target)
  if(NOT COFFER_SANITIZE)
    target_compile_options(${target} PRIVATE $<$<CONFIG:RelWithDebInfo>:-O0>)
  endif()
endfunction()

# One GoogleTest binary per folder of tests: coffer_test(crypto LIBRARIES coffer::coffer SOURCES a_test.cc …)
# It runs as one process, so that what is slow to start is started once, or as SHARDS of them side by side.
# SANITIZERS_BLIND: a pattern of tests of which a sanitizer's build sees less than a plain one: they search memory, or
# start programs that are not ours. `./test all` runs them in the plain build too, by the label `plain`.
# LONG: a pattern of tests that do more where they may take long (tests/support/long.h), and run so in `./test all`.
# SLOW: a pattern of tests that `./test` leaves to `./test all`, where sanitizers' builds run them.
# BESIDE: the words of a program that runs it beside a server.
function(coffer_test name)
  cmake_parse_arguments(ARG "" "SHARDS;SANITIZERS_BLIND;LONG;SLOW" "SOURCES;LIBRARIES;BESIDE" ${ARGN})
  add_executable(${name}_test ${ARG_SOURCES})
  target_link_libraries(${name}_test PRIVATE ${ARG_LIBRARIES} coffer_flags GTest::gmock GTest::gtest_main)
  target_include_directories(${name}_test PRIVATE ${PROJECT_SOURCE_DIR}/tests ${PROJECT_BINARY_DIR}/generated/tests)
  coffer_compile_quickly(${name}_test)
  if(COFFER_UNITY)  # as one: most of a test's compilation is what headers have to be instantiated for
    set_target_properties(${name}_test PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 0)
  endif()
  if(COFFER_PRECOMPILE)
    target_precompile_headers(${name}_test REUSE_FROM coffer_test_headers)
  endif()
  string(REGEX REPLACE "_.*" "" label ${name})
  coffer_test_properties(properties ${label})
  set(others "")
  if(ARG_SANITIZERS_BLIND AND NOT COFFER_SANITIZE)
    add_test(NAME ${name}.plain COMMAND ${name}_test "--gtest_filter=${ARG_SANITIZERS_BLIND}")
    set_tests_properties(${name}.plain PROPERTIES ${properties})
    set_property(TEST ${name}.plain APPEND PROPERTY LABELS plain)
    set(others "--gtest_filter=-${ARG_SANITIZERS_BLIND}")
  endif()
  if(ARG_SLOW AND NOT COFFER_SANITIZE)
    add_test(NAME ${name}.slow COMMAND ${ARG_BESIDE} $<TARGET_FILE:${name}_test> "--gtest_filter=${ARG_SLOW}")
    set_tests_properties(${name}.slow PROPERTIES ${properties})
    set_property(TEST ${name}.slow APPEND PROPERTY LABELS slow)
    set(others "--gtest_filter=-${ARG_SANITIZERS_BLIND}:${ARG_SLOW}")
  endif()
  if(ARG_LONG AND NOT COFFER_SANITIZE)
    add_test(NAME ${name}.long
      COMMAND ${ARG_BESIDE} $<TARGET_FILE:${name}_test> --gtest_brief=1 "--gtest_filter=${ARG_LONG}")
    set_tests_properties(${name}.long PROPERTIES ${properties})
    set_property(TEST ${name}.long APPEND PROPERTY LABELS long)
    set_property(TEST ${name}.long APPEND PROPERTY ENVIRONMENT COFFER_LONG=1)
  endif()
  if(NOT ARG_SHARDS)
    set(ARG_SHARDS 1)
  endif()
  foreach(shard RANGE 1 ${ARG_SHARDS})
    set(test ${name}.${shard}_of_${ARG_SHARDS})
    if(ARG_SHARDS EQUAL 1)
      set(test ${name}.all)
    endif()
    add_test(NAME ${test} COMMAND ${ARG_BESIDE} $<TARGET_FILE:${name}_test> --gtest_brief=1 ${others})
    set_tests_properties(${test} PROPERTIES ${properties})
    math(EXPR index "${shard} - 1")
    set_property(TEST ${test} APPEND PROPERTY ENVIRONMENT
      GTEST_TOTAL_SHARDS=${ARG_SHARDS} GTEST_SHARD_INDEX=${index})
  endforeach()
endfunction()
