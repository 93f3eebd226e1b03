coffer_layer(coffer providers/oauth token.cc jwt.cc trusted_service.cc)
