"""What a person types or imports: the command line, and the supervisor of the workers."""
