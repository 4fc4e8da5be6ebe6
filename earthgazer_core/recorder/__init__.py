"""The flight recorder: signals of publishers and workers become durable history."""
