# A server of documents over HTTP. What a client says is read by the library, where fuzzers reach it; the server is for
# the command line alone.
coffer_layer(coffer net/serve request.cc)
if(COFFER_TOOLS)
  add_library(coffer_serve STATIC)
  coffer_layer(coffer_serve net/serve connection.cc server.cc server_tls.cc)
  target_link_libraries(coffer_serve PUBLIC coffer PRIVATE OpenSSL::SSL coffer_flags)
endif()
