coffer_layer(coffer config config.cc sealed_value.cc secret_source.cc uri.cc uri_options.cc)
