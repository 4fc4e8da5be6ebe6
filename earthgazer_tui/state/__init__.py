"""The latest snapshot, the selection and the filters."""
