coffer_provider(gcp-kms providers/gcp_kms open_gcp_kms
  SOURCES credentials.cc gcp_kms_provider.cc)
