"""Raster science: pure functions from files and arrays to files, arrays and numbers."""
