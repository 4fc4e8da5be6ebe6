"""What can be asked of a fleet, a protocol per subject."""
