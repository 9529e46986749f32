"""The report's sentences and tables: what follows from the results, worded by them."""
