# Keystores of other makers: PKCS#12, JKS, JCEKS.
coffer_layer(coffer net/stores java_keystore.cc java_stream.cc pkcs12.cc protection.cc)
