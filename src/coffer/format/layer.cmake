coffer_layer(coffer format
  backup_index.cc backup_note.cc backup_part.cc
  blob.cc blocks.cc ctr.cc directory_names.cc envelope.cc envelope_seal.cc file_stream.cc file_stream_manifest.cc
  key_schedule.cc
  log_sealer.cc log_beginning.cc log_opener.cc log_tail_search.cc
  pages_layout.cc pages_cipher.cc pages_root.cc pages_record.cc pages_tags.cc
  sqlite_journal.cc sqlite_key.cc sqlite_page.cc sqlite_wal.cc)
