coffer_layer(coffer keys
  audit_changes.cc audit_file.cc audit_log.cc
  join_request.cc key_group.cc key_state.cc keyring.cc keyring_body.cc keyring_codec.cc keyring_groups.cc
  fence.cc file_keyring_store.cc first_keyring.cc keyring_backups.cc keyring_key_mac.cc keyring_nodes.cc
  keyring_questions.cc keyring_rollouts.cc keyring_shard.cc keyring_shard_codec.cc keyring_shards.cc
  keyring_slot_codec.cc keyring_stores.cc live_audit.cc live_group_changes.cc live_groups.cc live_keyring.cc
  live_move.cc live_node_slots.cc live_slots.cc local_opening.cc machine_turn.cc move_record.cc node_answer.cc
  node_identity.cc node_report.cc node_slot_keeper.cc node_slots.cc node_standing.cc policy.cc question_standing.cc
  recipient_file.cc report_files.cc rollout.cc rollout_outlook.cc root_watch.cc shard_files.cc side_files.cc slot.cc
  succession.cc version_anchor.cc)
