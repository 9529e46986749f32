"""The images: found, checked once at the door, and cut into train, validation and test."""
