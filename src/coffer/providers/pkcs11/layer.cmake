# PKCS#11: the vendors' modules are loaded at run time; p11-kit's header alone is needed to build.
coffer_provider(pkcs11 providers/pkcs11 open_pkcs11
  SOURCES settings.cc module.cc pin.cc session.cc objects.cc wrapping.cc pkcs11_provider.cc)
if(COFFER_WITH_PKCS11)
  target_include_directories(coffer_providers PRIVATE ${P11KIT_INCLUDE_DIRS})
endif()
