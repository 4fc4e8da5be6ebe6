"""The widgets, one noun per file."""
