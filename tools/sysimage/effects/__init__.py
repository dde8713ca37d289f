"""What maintainer scripts do, one effect a module: each a function over the tree, after its specification.

`ledger.toml` says which effects stand for which script; `ledger.py` reads it.
"""
