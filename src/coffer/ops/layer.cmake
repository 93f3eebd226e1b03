coffer_layer(coffer ops doctor_machine.cc doctor_placement.cc inventory.cc rewrap.cc roots.cc stores.cc verify.cc)
