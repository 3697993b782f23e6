"""The job vocabulary: specs, parts, records and the names of keys; no I/O, no torch."""
