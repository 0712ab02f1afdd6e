"""One script per promise; each prints its figure beside its limit."""
