"""What is measured, one module for each who: ours, the peers, and the machine itself."""
