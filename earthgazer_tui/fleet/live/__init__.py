"""The live fleet: the one room of the console that imports Celery, Redis and SQL."""
