"""What crosses a process boundary: the messages, their bytes, the sockets that carry them and the common clock."""
