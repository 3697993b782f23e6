"""From any heap of pictures to one data set: read, fitted, without duplicates, split by content."""
