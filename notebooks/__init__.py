"""The notebooks' sources, and how notebooks are made of them: `python -m notebooks`."""
