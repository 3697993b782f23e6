"""What people write instead, without this project's worker."""
