coffer_layer(coffer base
  advice.cc base32.cc base64.cc byte_size.cc bytes.cc change_gate.cc check.cc crc32c.cc interval_thread.cc key_use.cc
  path.cc period.cc scratch.cc secret.cc secret_pool.cc status.cc text.cc)
