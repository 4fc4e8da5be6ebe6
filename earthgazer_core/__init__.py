"""The core of EarthGazer: what a worker imports."""
