"""What an operator does to a fleet: look, retry, revoke, resize."""
