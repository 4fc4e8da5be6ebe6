"""Campaigns that try to break the product for real: seeded, bounded in time, each with one command."""
