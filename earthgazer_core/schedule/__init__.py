"""The schedule: periodic tasks kept in Postgres, and the Celery beat scheduler that sends them."""
