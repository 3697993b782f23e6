"""The `vaejob` command line: submits jobs and brings back their results."""
