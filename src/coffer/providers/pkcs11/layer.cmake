# PKCS#11: modules are loaded at run time; p11-kit's header alone is needed to build.
target_include_directories(coffer PRIVATE ${P11KIT_INCLUDE_DIRS})
target_link_libraries(coffer PRIVATE ${CMAKE_DL_LIBS})
coffer_layer(coffer providers/pkcs11
  prompt.cc settings.cc module.cc pin.cc session.cc objects.cc wrapping.cc pkcs11_provider.cc)
