"""C-STORE SCU: send masked objects on."""
