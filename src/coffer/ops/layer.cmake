coffer_layer(coffer ops
  backup_command.cc backup_directory.cc backup_forget.cc backup_marker.cc backup_names.cc backup_shred.cc
  backup_target.cc lockbox.cc recipient_sealer.cc
  arrival.cc at_rest.cc audit.cc config_values.cc described.cc doctor.cc doctor_machine.cc doctor_placement.cc
  due_destruction.cc due_reencryption.cc given_up.cc had_files.cc import_cockroach.cc import_hcd.cc
  import_hcd_cipher.cc import_hcd_kmip.cc import_text.cc inventory.cc key_needs.cc key_questions.cc keys.cc
  metric_text.cc metrics.cc node_slots.cc nodes.cc overview.cc overview_json.cc overview_metrics.cc
  overview_troubles.cc own_store.cc pattern_search.cc plaintext_lists.cc policy.cc receive.cc reencrypt.cc rewrap.cc
  rollouts.cc root_standing.cc scan.cc send.cc shred.cc slots.cc sought.cc sought_keys.cc status_json.cc
  status_report.cc stores.cc stream_nodes.cc survey.cc tally.cc transition.cc verify.cc)
# What files are sent and backed up by.
coffer_layer(coffer ops
  backup_bodies.cc backup_contents.cc backup_create.cc backup_reading.cc backup_restore.cc backup_verify.cc
  frozen_stores.cc leaving.cc new_store.cc)
