coffer_layer(coffer providers/aws_kms
  sigv4.cc settings.cc ini_file.cc credentials.cc lent_credentials.cc kms.cc aws_kms_provider.cc)
