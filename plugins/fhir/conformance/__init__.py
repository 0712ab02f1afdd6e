"""Our own definitions: extensions, code systems, naming systems, concept maps and search parameters, each at its address below `systems.BASE`."""
