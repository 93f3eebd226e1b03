coffer_layer(coffer providers
  check.cc fetched_root.cc module.cc named.cc registry.cc root.cc service_root.cc
  key_file/key_file_provider.cc
  exec/command_path.cc exec/process.cc exec/spawn.cc exec/streamed.cc exec/message.cc exec/exec_provider.cc)
coffer_layer(coffer providers
  keystore/keystore.cc keystore/keystore_provider.cc)
target_link_libraries(coffer PRIVATE ${CMAKE_DL_LIBS})  # providers are loaded, docs/architecture.md, "Libraries"
