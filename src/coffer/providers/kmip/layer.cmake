# KMIP: the encodings (codec), the client that speaks to servers, and the provider on top of it.
coffer_layer(coffer providers/kmip names.cc ttlv.cc scalars.cc xml.cc json.cc)
