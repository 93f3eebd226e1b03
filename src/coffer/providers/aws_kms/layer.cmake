coffer_provider(aws-kms providers/aws_kms open_aws_kms
  SOURCES sigv4.cc settings.cc ini_file.cc credentials.cc lent_credentials.cc kms.cc aws_kms_provider.cc)
