"""Raster science, pure: no Celery, no SQL, no settings."""
