# etcd: a place for keyrings, and for version anchors.
coffer_provider(etcd providers/etcd ""
  ANCHOR open_etcd_anchor
  STORE open_etcd_keyring
  SOURCES anchor.cc keyring_parts.cc keyring_store.cc node_slots.cc)
