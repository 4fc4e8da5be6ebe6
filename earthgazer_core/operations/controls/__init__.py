"""Levers on workers, by name or pattern; each answer is told as it comes."""
