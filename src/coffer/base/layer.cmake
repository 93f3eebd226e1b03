coffer_layer(coffer base base64.cc bytes.cc crc32c.cc secret.cc status.cc)
