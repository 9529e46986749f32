"""Classify images with an autoencoder first: pretrain without labels, then classify, then measure."""
