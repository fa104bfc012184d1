"""One module per language, named by its two-letter code; each turns meanings into tagged words."""
