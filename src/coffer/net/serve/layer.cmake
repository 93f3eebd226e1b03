# A server of documents over HTTP, for the command line alone.
if(COFFER_TOOLS)
  find_package(Boost 1.74 REQUIRED)
  add_library(coffer_serve STATIC)
  coffer_layer(coffer_serve net/serve request.cc server.cc server_tls.cc session.cc)
  target_link_libraries(coffer_serve PUBLIC coffer PRIVATE Boost::headers OpenSSL::SSL coffer_flags)
endif()
