"""What a fleet did, kept in files: events as they came, and looks at queues and workers."""
