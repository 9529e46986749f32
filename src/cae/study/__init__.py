"""The study: does an autoencoder first help, how much, and when?"""
