"""A hundred thousand damaged and made-up inputs for every place where one comes in: `make fuzz`."""
