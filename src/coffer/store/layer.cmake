coffer_layer(coffer store
  blobs.cc coffer.cc counted_files.cc create.cc derived_key.cc file_counts.cc freshness.cc kept_file.cc
  key_gate.cc key_usage.cc key_watch.cc keyring_copy.cc keyring_uses.cc local_copy.cc local_copy_text.cc
  move_keyring.cc new_root.cc node_key.cc node_name.cc node_reporter.cc own_node.cc places.cc policy_watch.cc
  rollout_watch.cc root_memory.cc root_record.cc runs.cc serving_mark.cc store_marks.cc store_register.cc
  surroundings.cc)
