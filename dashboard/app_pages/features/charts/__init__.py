"""Charts of features: the map, the transport plan, the distances."""
