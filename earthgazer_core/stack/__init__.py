"""The embedded servers and the supervised workers."""
