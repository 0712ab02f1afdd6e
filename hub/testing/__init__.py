"""What authors of plugins subclass: the simulator kit, and the contract suites that their connectors must pass."""
