# Filled by this layer's sources.
