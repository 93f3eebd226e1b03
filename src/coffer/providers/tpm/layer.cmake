# TPM 2.0: root keys sealed to the machine.
target_link_libraries(coffer PRIVATE PkgConfig::TSS2)
coffer_layer(coffer providers/tpm
  settings.cc pcrs.cc sealed_file.cc device.cc session.cc sealing.cc tpm_provider.cc
  nv_index.cc nv_anchor.cc)
