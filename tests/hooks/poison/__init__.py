"""An image that kills its process."""
