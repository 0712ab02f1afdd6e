"""One module for each resource; in each a function `render(entity, labels)` that can be read from top to bottom."""
