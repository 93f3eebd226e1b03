coffer_provider(aws-kms providers/aws_kms open_aws_kms
  SOURCES settings.cc ini_file.cc credentials.cc aws_kms_provider.cc)
