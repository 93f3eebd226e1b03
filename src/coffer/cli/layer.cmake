# The command line: an executable that starts fast, and the module with the commands. The release preset leaves them in
# build/release.
if(COFFER_TOOLS)
  find_package(CLI11 REQUIRED)
  find_package(fmt REQUIRED)
  find_package(nlohmann_json REQUIRED)
  include(GNUInstallDirs)

  file(RELATIVE_PATH module_directory ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
  function(coffer_launching target)
    coffer_layer(${target} cli launch.cc program.cc ${ARGN})
    target_compile_definitions(${target} PRIVATE COFFER_MODULE_DIRECTORY="${module_directory}")
  endfunction()

  add_library(coffer_commands MODULE)
  coffer_launching(coffer_commands
    arguments.cc audit.cc backup_upkeep.cc cat.cc commands.cc commands_module.cc completion.cc completion_bash.cc
    completion_fish.cc completion_zsh.cc config.cc console.cc doctor.cc domain.cc engines.cc exec.cc
    file_work.cc group.cc help.cc import_config.cc init.cc inspect.cc key.cc key_change.cc keygen.cc keyring.cc
    keyring_move.cc manual.cc metrics.cc mount.cc names.cc node.cc node_answer.cc opening.cc parser.cc pipes.cc
    plaintext_trace.cc policy.cc problem.cc progress.cc provider.cc recovery.cc reencrypt.cc rewrap.cc rollout.cc
    rotate.cc runs.cc scan.cc seal_value.cc secret_input.cc send.cc shred.cc slot.cc status.cc status_text.cc store.cc
    tenant.cc text.cc transition.cc verify.cc watching.cc)
  coffer_layer(coffer_commands cli backup.cc backup_restore.cc backup_words.cc)
  # The agent's page.
  coffer_layer(coffer_commands cli html.cc monitor.cc page.cc page_facts.cc page_keys.cc page_style.cc)
  if(COFFER_WITH_KMIP)
    coffer_layer(coffer_commands cli kmip.cc kmip_end.cc kmip_group.cc)
    target_compile_definitions(coffer_commands PRIVATE COFFER_WITH_KMIP)
  endif()
  if(COFFER_WITH_RECIPIENT)
    target_compile_definitions(coffer_commands PRIVATE COFFER_WITH_RECIPIENT)
  endif()
  target_link_libraries(coffer_commands PRIVATE
    coffer_serve coffer_providers coffer::coffer coffer_flags CLI11::CLI11 fmt::fmt nlohmann_json::nlohmann_json)
  target_link_options(coffer_commands PRIVATE
    -Wl,--as-needed,-z,defs,--version-script=${CMAKE_CURRENT_LIST_DIR}/commands_module.map)
  set_target_properties(coffer_commands PROPERTIES
    LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR} LINK_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/commands_module.map)

  add_library(coffer_mount MODULE)
  coffer_launching(coffer_mount arguments.cc console.cc mounted_exec.cc mounting.cc opening.cc watching.cc)
  target_link_libraries(coffer_mount PRIVATE
    coffer_fuse coffer_providers coffer::coffer coffer_flags fmt::fmt nlohmann_json::nlohmann_json)
  target_link_options(coffer_mount PRIVATE
    -Wl,--as-needed,-z,defs,--version-script=${CMAKE_CURRENT_LIST_DIR}/mount_module.map)
  set_target_properties(coffer_mount PROPERTIES
    LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR} LINK_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/mount_module.map)

  add_executable(coffer_cli)
  coffer_launching(coffer_cli main.cc)
  # Of Coffer it has what it uses, which needs none of the libraries that others of Coffer's parts do; and C++'s own
  # inside, so that the dynamic linker has next to nothing to do.
  target_link_libraries(coffer_cli PRIVATE coffer::coffer coffer_flags ${CMAKE_DL_LIBS})
  target_link_options(coffer_cli PRIVATE -Wl,--as-needed)
  if(NOT COFFER_SANITIZE)
    target_link_options(coffer_cli PRIVATE -static-libstdc++ -static-libgcc)
  endif()
  add_dependencies(coffer_cli coffer_commands coffer_mount coffer_provider_modules)
  set_target_properties(coffer_cli PROPERTIES OUTPUT_NAME coffer RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
  install(TARGETS coffer_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT tools)
  install(TARGETS coffer_commands LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT tools)
  install(FILES ${PROJECT_SOURCE_DIR}/packaging/systemd/coffer-agent@.service DESTINATION lib/systemd/system
    COMPONENT tools)
  install(FILES
    ${PROJECT_SOURCE_DIR}/packaging/monitoring/coffer.rules.yml
    ${PROJECT_SOURCE_DIR}/packaging/monitoring/coffer.dashboard.json
    DESTINATION ${CMAKE_INSTALL_DATADIR}/coffer/monitoring COMPONENT tools)
  install(TARGETS coffer_mount LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT mount)
  install(FILES ${PROJECT_SOURCE_DIR}/packaging/systemd/coffer-mount@.service DESTINATION lib/systemd/system
    COMPONENT mount)
  install(CODE "set(COFFER_BINDIR ${CMAKE_INSTALL_BINDIR})
set(COFFER_DATADIR ${CMAKE_INSTALL_DATADIR})
set(COFFER_MANDIR ${CMAKE_INSTALL_MANDIR})" COMPONENT tools)
  install(SCRIPT ${PROJECT_SOURCE_DIR}/cmake/InstallManual.cmake COMPONENT tools)
endif()
