"""C-STORE SCP: take instances off the network."""
