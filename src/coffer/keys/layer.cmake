coffer_layer(coffer keys
  audit_changes.cc audit_file.cc audit_log.cc
  join_request.cc key_group.cc key_state.cc keyring.cc keyring_body.cc keyring_codec.cc keyring_groups.cc
  keyring_backups.cc keyring_nodes.cc keyring_slot_codec.cc keyring_stores.cc file_keyring_store.cc
  keyring_shard.cc keyring_shards.cc keyring_shard_codec.cc shard_files.cc version_anchor.cc
  slot.cc succession.cc live_keyring.cc live_groups.cc live_group_changes.cc live_slots.cc root_watch.cc
  fence.cc first_keyring.cc keyring_key_mac.cc live_audit.cc live_move.cc local_opening.cc machine_turn.cc
  move_record.cc node_identity.cc node_report.cc policy.cc recipient_file.cc report_files.cc)
