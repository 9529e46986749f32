"""The networks: the autoencoder, and the classifier that is built on its encoder."""
