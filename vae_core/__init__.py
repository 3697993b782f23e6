"""The model, the job vocabulary and storage: all that the worker and the producer share."""
