"""Code that a worker under test is made to load."""
