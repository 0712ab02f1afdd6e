"""What the answers of the API look like: the schemas that describe them in OpenAPI, one room per group of operations. They describe and check; views build the answers."""
