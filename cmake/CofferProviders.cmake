# Which key providers are built, and how: coffer_provider() makes of each a part of the static library coffer_providers,
# for programs that link it, and a module of its own that is loaded when its scheme is opened.
set(COFFER_PROVIDERS_KNOWN file exec keystore kmip pkcs11 tpm vault aws-kms gcp-kms azure-kv recipient)
set(COFFER_PROVIDERS "" CACHE STRING "The key providers to build (a list of URI schemes); empty: all")
if(NOT COFFER_PROVIDERS)  # not in the cache, where a list would stay as it is when there is one more
  set(COFFER_PROVIDERS ${COFFER_PROVIDERS_KNOWN})
endif()
set(COFFER_PROVIDER_FOLDER coffer-providers)  # below the libraries' directory

foreach(scheme IN LISTS COFFER_PROVIDERS)
  if(NOT scheme IN_LIST COFFER_PROVIDERS_KNOWN)
    message(FATAL_ERROR "COFFER_PROVIDERS: there is no provider \"${scheme}\"; there are: ${COFFER_PROVIDERS_KNOWN}")
  endif()
endforeach()
if(NOT "file" IN_LIST COFFER_PROVIDERS)
  message(FATAL_ERROR "COFFER_PROVIDERS: \"file\" is missing; secrets in coffer.yaml may be sealed with a key file")
endif()

# What the providers need, looked for only if one of them is built.
function(coffer_any_provider out)
  set(${out} FALSE PARENT_SCOPE)
  foreach(scheme ${ARGN})
    if(scheme IN_LIST COFFER_PROVIDERS)
      set(${out} TRUE PARENT_SCOPE)
    endif()
  endforeach()
endfunction()
coffer_any_provider(COFFER_WITH_HTTP vault aws-kms gcp-kms azure-kv)
coffer_any_provider(COFFER_WITH_KMIP kmip)
coffer_any_provider(COFFER_WITH_PKCS11 pkcs11)
coffer_any_provider(COFFER_WITH_TPM tpm)
coffer_any_provider(COFFER_WITH_RECIPIENT recipient)
if(COFFER_WITH_HTTP)
  find_package(CURL 7.87 REQUIRED)
endif()
if(COFFER_WITH_PKCS11)
  pkg_check_modules(P11KIT REQUIRED p11-kit-1)  # one header
endif()
if(COFFER_WITH_TPM)
  pkg_check_modules(TSS2 REQUIRED IMPORTED_TARGET tss2-esys tss2-tctildr tss2-mu tss2-rc)
endif()
if(COFFER_WITH_RECIPIENT)
  pkg_check_modules(GFSHARE REQUIRED IMPORTED_TARGET libgfshare)
endif()

# coffer_provider(SCHEME LAYER OPENER [ANCHOR OPENER] [REACH FUNCTION] SOURCES a.cc …), where LAYER is the sources'
# folder below src/coffer, OPENER the function in it that opens a URI (an OpenProvider of providers/module.h), or an
# anchor, and FUNCTION a ReachProviderGroup.
function(coffer_provider scheme layer opener)
  cmake_parse_arguments(ARG "" "ANCHOR;REACH" "SOURCES" ${ARGN})
  if(NOT scheme IN_LIST COFFER_PROVIDERS)
    return()
  endif()
  coffer_layer(coffer_providers ${layer} ${ARG_SOURCES})
  set(COFFER_MODULE_FUNCTIONS "OpenProvider ${opener};")
  set(COFFER_MODULE_ANCHOR "nullptr")
  if(ARG_ANCHOR)
    set(COFFER_MODULE_ANCHOR ${ARG_ANCHOR})
    string(APPEND COFFER_MODULE_FUNCTIONS "\nOpenProviderAnchor ${ARG_ANCHOR};")
  endif()
  set(COFFER_MODULE_REACH "nullptr")
  if(ARG_REACH)
    set(COFFER_MODULE_REACH ${ARG_REACH})
    string(APPEND COFFER_MODULE_FUNCTIONS "\nReachProviderGroup ${ARG_REACH};")
  endif()
  set(COFFER_MODULE_SCHEME ${scheme})
  set(COFFER_MODULE_OPENER ${opener})

  set(entry ${PROJECT_BINARY_DIR}/generated/providers/${scheme}.cc)
  configure_file(${PROJECT_SOURCE_DIR}/src/coffer/providers/module_entry.cc.in ${entry} @ONLY)
  set_property(GLOBAL APPEND_STRING PROPERTY COFFER_LINKED_FUNCTIONS "${COFFER_MODULE_FUNCTIONS}\n")
  set_property(GLOBAL APPEND PROPERTY COFFER_LINKED_PARTS
    "    {\"${scheme}\", ${opener}, ${COFFER_MODULE_ANCHOR}, ${COFFER_MODULE_REACH}},\n")
  if(COFFER_FUZZ)
    return()
  endif()
  set(target coffer_provider_${scheme})
  add_library(${target} MODULE ${entry})
  target_link_libraries(${target} PRIVATE coffer_providers coffer coffer_flags)
  # Each module has what it needs of Coffer inside and shows its entry alone, so it serves programs that link Coffer
  # statically and those that do not. Of the libraries that coffer_providers needs it names only those it uses.
  target_link_options(${target} PRIVATE -Wl,--as-needed,--gc-sections,-z,defs
    -Wl,--version-script=${PROJECT_SOURCE_DIR}/src/coffer/providers/module.map)
  set_target_properties(${target} PROPERTIES
    PREFIX "" OUTPUT_NAME ${scheme} LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/${COFFER_PROVIDER_FOLDER}
    LINK_DEPENDS ${PROJECT_SOURCE_DIR}/src/coffer/providers/module.map)
  set_property(GLOBAL APPEND PROPERTY COFFER_PROVIDER_MODULES ${target})
endfunction()

# After the last coffer_provider(): the list of those that are linked, and the one of those that were built.
function(coffer_providers_end)
  get_property(COFFER_LINKED_FUNCTIONS GLOBAL PROPERTY COFFER_LINKED_FUNCTIONS)
  get_property(parts GLOBAL PROPERTY COFFER_LINKED_PARTS)
  list(JOIN parts "" COFFER_LINKED_PARTS)
  set(generated ${PROJECT_BINARY_DIR}/generated/providers)
  configure_file(${PROJECT_SOURCE_DIR}/src/coffer/providers/linked.cc.in ${generated}/linked.cc @ONLY)
  target_sources(coffer_providers PRIVATE ${generated}/linked.cc)
  list(TRANSFORM COFFER_PROVIDERS REPLACE "(.+)" "\"\\1\"" OUTPUT_VARIABLE quoted)
  list(JOIN quoted ", " COFFER_BUILT_PROVIDERS)
  file(RELATIVE_PATH COFFER_LIBRARIES_FROM_PROGRAMS ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
  configure_file(${PROJECT_SOURCE_DIR}/src/coffer/providers/built.h.in
    ${PROJECT_BINARY_DIR}/generated/coffer/providers/built.h @ONLY)
  get_property(modules GLOBAL PROPERTY COFFER_PROVIDER_MODULES)
  if(modules)
    add_custom_target(coffer_provider_modules DEPENDS ${modules})
  else()
    add_custom_target(coffer_provider_modules)
  endif()
endfunction()
