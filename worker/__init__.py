"""The Celery worker: runs parts of jobs, and plans, finishes and heals them."""
