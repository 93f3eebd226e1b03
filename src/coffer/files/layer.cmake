coffer_layer(coffer files
  blocks_body.cc body.cc complete_writer.cc condemned_keys.cc counted_file.cc ctr_body.cc directory_body.cc
  engine_role.cc file_head.cc file_reader.cc file_writer.cc freshness_check.cc growing_blocks.cc held_form.cc
  log_body.cc log_cursor.cc log_reader.cc log_writer.cc mapped_reads.cc marked_files.cc new_file.cc
  pages_body.cc pages_checkpoint.cc pages_file.cc pages_load.cc pages_read.cc pages_writer.cc plaintext_list.cc
  sqlite_body.cc sqlite_parts.cc successor.cc successor_pages.cc successor_places.cc successor_sqlite.cc)
