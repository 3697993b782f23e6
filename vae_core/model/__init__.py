"""The variational autoencoder: network, checkpoint files, latents and the engine that runs it."""
