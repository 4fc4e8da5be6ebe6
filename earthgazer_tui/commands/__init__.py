"""One class per command: key, palette entry, footer, help, confirmation, read-only rule."""
