coffer_layer(coffer crypto
  suite.cc backend.cc openssl.cc random.cc kdf.cc key_wrap.cc
  aead.cc aead_openssl.cc stream.cc
  counter_mode.cc counter_mode_openssl.cc ctr.cc gmac.cc)
