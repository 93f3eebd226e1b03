coffer_layer(coffer files
  blocks_body.cc body.cc complete_writer.cc ctr_body.cc file_head.cc file_reader.cc engine_role.cc file_writer.cc
  freshness_check.cc held_form.cc marked_files.cc
  mapped_reads.cc log_body.cc log_cursor.cc log_reader.cc log_writer.cc new_file.cc scratch.cc)
