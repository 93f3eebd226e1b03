# etcd: what its JSON gateway is asked and answers, and the client.
if(COFFER_WITH_ETCD)
  coffer_layer(coffer_providers net/etcd client.cc messages.cc settings.cc watch.cc)
endif()
