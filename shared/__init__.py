"""Code without a process of its own: messages, the queue's rules, settings, and (vision/) what is done to a picture."""
