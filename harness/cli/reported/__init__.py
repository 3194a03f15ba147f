"""What reports are told, as data frames: runs, studies, timings and what is registered, as docs/run-schema.md says."""
