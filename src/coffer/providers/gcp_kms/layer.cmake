coffer_layer(coffer providers/gcp_kms credentials.cc service.cc gcp_kms_provider.cc)
