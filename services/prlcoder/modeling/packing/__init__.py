"""How sequences of different lengths become rectangular batches: ``rows`` pads them or packs several into one row."""
