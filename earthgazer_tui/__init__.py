"""The console of an EarthGazer or any other Celery fleet."""
