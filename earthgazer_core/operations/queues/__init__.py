"""Levers on the queues of a Redis broker: peek, remove, move, purge, pause, resume, rates."""
