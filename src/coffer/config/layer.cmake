coffer_layer(coffer config
  backup_targets_section.cc cipher_options.cc config.cc config_edit.cc config_format.cc domain_paths.cc jwk.cc
  key_file.cc
  key_file_forms.cc local_unlock_section.cc mariadb_section.cc mounted_files_section.cc peers_section.cc
  policy_section.cc prompt.cc provider_sections.cc sealed_value.cc secret_source.cc uri.cc uri_options.cc yaml_quoted.cc
  yaml_reader.cc)
