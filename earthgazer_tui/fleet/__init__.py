"""Everything that touches the broker or the database, behind one protocol."""
