# The command line. OUTPUT_NAME and directory: the release preset leaves it at build/release/coffer.
if(COFFER_TOOLS)
  find_package(CLI11 REQUIRED)
  find_package(fmt REQUIRED)
  find_package(nlohmann_json REQUIRED)
  include(GNUInstallDirs)

  add_executable(coffer_cli)
  coffer_layer(coffer_cli cli
    cat.cc commands.cc config_edit.cc console.cc domain.cc exec.cc help.cc init.cc inspect.cc keygen.cc
    keyring.cc main.cc opening.cc parser.cc problem.cc program.cc progress.cc provider.cc
    rewrap.cc rotate.cc seal_value.cc status.cc text.cc
    verify.cc
    kmip.cc kmip_end.cc kmip_group.cc)
  target_link_libraries(coffer_cli PRIVATE
    coffer_providers coffer::coffer coffer_flags CLI11::CLI11 fmt::fmt nlohmann_json::nlohmann_json)
  add_dependencies(coffer_cli coffer_provider_modules)
  file(RELATIVE_PATH module_directory ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
  target_compile_definitions(coffer_cli PRIVATE COFFER_MODULE_DIRECTORY="${module_directory}")
  set_target_properties(coffer_cli PROPERTIES OUTPUT_NAME coffer RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
  install(TARGETS coffer_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
