coffer_layer(coffer format key_schedule.cc envelope.cc blocks.cc ctr.cc)
