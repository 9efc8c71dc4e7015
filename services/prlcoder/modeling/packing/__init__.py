"""How sequences of different lengths become rectangular batches: ``rows`` pads them
or packs several into one row, ``tree`` merges shared prefixes, ``tree_attention`` prepares a model's pass over them."""
