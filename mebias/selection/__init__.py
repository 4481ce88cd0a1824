"""The selection room."""
