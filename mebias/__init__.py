"""Keyframes of micro-expression datasets, compared."""
