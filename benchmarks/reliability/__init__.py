"""Runs that are killed, starved and damaged on purpose, and what became of them."""
