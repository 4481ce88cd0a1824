"""The quantification room."""
