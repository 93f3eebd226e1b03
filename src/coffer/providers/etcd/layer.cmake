# etcd: a place for keyrings.
coffer_provider(etcd providers/etcd ""
  STORE open_etcd_keyring
  SOURCES keyring_store.cc)
