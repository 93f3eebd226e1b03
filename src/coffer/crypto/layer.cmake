coffer_layer(coffer crypto
  suite.cc backend.cc known_answers.cc published_answers.cc library.cc openssl.cc random.cc kdf.cc
  kdf_provider.cc key_wrap.cc x25519.cc hpke.cc scrypt.cc
  aead.cc aead_openssl.cc signature.cc stream.cc resting_key.cc foreign_keys.cc key_memory.cc nonce_audit.cc
  counter_mode.cc counter_mode_openssl.cc ctr.cc derived_key.cc siv.cc xaes.cc
  gmac.cc gmac_openssl.cc)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64" AND IPSEC_MB_LIBRARY AND IPSEC_MB_INCLUDE)
  coffer_layer(coffer crypto ipsec_mb.cc expanded_key.cc aead_ipsec_mb.cc counter_mode_ipsec_mb.cc gmac_ipsec_mb.cc)
  target_compile_definitions(coffer PRIVATE COFFER_HAVE_IPSEC_MB)
  target_include_directories(coffer PRIVATE ${IPSEC_MB_INCLUDE})
  target_link_libraries(coffer PRIVATE ${IPSEC_MB_LIBRARY})
endif()
