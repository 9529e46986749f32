"""The networks: the autoencoder and the classifier that stands on its encoder."""
