# TPM 2.0: root keys sealed to the machine.
coffer_provider(tpm providers/tpm open_tpm
  ANCHOR open_nv_anchor
  SOURCES settings.cc pcrs.cc sealed_file.cc device.cc sealing.cc tpm_provider.cc nv_index.cc nv_anchor.cc)
if(COFFER_WITH_TPM)
  target_link_libraries(coffer_providers PRIVATE PkgConfig::TSS2)
endif()
