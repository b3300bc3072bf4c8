"""A result becomes a picture: one definition for the Studio, packs, notebooks and terminals.

Data comes in, a chart comes out; the title of each is a sentence that states the finding. Nothing is imported
here, so that the command line can draw in text without loading Altair.
"""
