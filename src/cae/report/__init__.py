"""A run's figures and its report, made from plain numbers and pictures."""
