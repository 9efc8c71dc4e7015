"""The sandbox and the reward model as reward functions of other training stacks.

``rewards`` turns completions into verdict or step rewards; ``trl`` and ``verl`` give them the signature that each of
these expects. Nothing here imports either of them.
"""
