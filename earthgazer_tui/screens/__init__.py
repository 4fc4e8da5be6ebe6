"""The screens, one noun per file."""
