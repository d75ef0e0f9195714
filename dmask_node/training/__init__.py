"""Train the eye network: labels read by hand, rendered eyes, warped portraits, the training itself.

A tool of the maintainer (``python -m dmask_node.training``); a running node never imports it.
"""
