"""Use cases: one batch in, one outcome per record out; knows only ports and domain."""
