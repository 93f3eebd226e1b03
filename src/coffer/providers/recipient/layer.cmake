# Slots that are sealed to a public key: recovery by a private key, a passphrase or shares.
coffer_provider(recipient providers/recipient open_recipient
  SOURCES settings.cc new_recipient.cc private_half.cc shares.cc split.cc recipient_provider.cc)
if(COFFER_WITH_RECIPIENT)
  target_link_libraries(coffer_providers PRIVATE PkgConfig::GFSHARE)
endif()
