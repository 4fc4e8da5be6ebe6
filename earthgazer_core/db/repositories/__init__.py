"""Questions to the database and changes of it, one noun per module, all on a caller's session."""
