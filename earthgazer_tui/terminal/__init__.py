"""What goes out to the terminal: changed cells alone, and one frame at a time."""
