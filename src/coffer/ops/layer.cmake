coffer_layer(coffer ops doctor_machine.cc doctor_placement.cc inventory.cc keys.cc pattern_search.cc policy.cc
  rewrap.cc roots.cc scan.cc shred.cc sought.cc sought_keys.cc stores.cc verify.cc)
