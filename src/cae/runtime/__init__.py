"""Where and how numbers are computed: device, precision, memory layout."""
