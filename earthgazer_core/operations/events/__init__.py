"""Listening to the events of a fleet, whatever its broker speaks."""
