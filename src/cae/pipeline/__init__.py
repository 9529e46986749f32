"""The composition root: the two stages, kept in a run folder, and the whole run made of them."""
