"""From runs to rankings: one row an architecture and recipe, one ranking a task variant, one standing over tasks."""
