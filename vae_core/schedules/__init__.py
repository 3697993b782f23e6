"""Schedules: when they run, their runs, and what they are done with; no torch."""
