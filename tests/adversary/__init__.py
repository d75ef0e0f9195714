"""A sender who wants a secret to get through the node.

Objects with many hundred planted secrets (`variants`), a search that finds each of them however it
is spelt (`search`), and the tests that nothing of it leaves.
"""
