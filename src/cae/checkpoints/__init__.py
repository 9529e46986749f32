"""Saved models: weights with the configuration that built them."""
