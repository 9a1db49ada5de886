"""The networks: their architectures, the runtimes that run them, and how new weights are taken up while running."""
