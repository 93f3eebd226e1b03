if(COFFER_WITH_HTTP)
  coffer_layer(coffer_providers net/oauth token.cc jwt.cc)
endif()
