coffer_layer(coffer net/oauth token.cc jwt.cc trusted_service.cc)
