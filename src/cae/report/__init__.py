"""What a run looks like: its figures, drawn from plain numbers and pictures."""
