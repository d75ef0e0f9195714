"""Build the face model from MakeHuman's CC0 head, targets and face units.

`dmask_node.rebuild.face_model.build` is the whole way on one page: read the sources, cut out the
head, draw random heads from MakeHuman's sliders, take their principal components, seat the lids on
an eyeball of human size, smooth the expressions, and find where on the head the landmark network
sees its landmarks.
"""
