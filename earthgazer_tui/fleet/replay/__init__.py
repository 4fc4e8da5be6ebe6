"""A fleet that was recorded, looked at again with the same screens."""
