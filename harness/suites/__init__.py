"""Suites: a file that names a whole comparison, worked out into cells, trained where they are missing."""
