coffer_layer(coffer base status.cc bytes.cc crc32c.cc secret.cc)
