"""The networks: their architectures and output layouts, and the runtimes that run them."""
