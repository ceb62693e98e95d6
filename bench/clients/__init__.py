"""Tables 9: client libraries. What decoding costs in each language, and what a stream costs on the wire."""
