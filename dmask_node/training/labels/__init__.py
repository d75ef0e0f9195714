"""Read eyes by hand: cut them out, note what the reader saw, review it, measure how readers agree.

``python -m dmask_node.training.labels`` is the command. What a reader draws, and how, is told in
``dmask_node/training/eye_labels/README.md``.
"""
