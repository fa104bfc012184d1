"""anyglot: any multilingual encoder, made to understand, translate and generate."""
