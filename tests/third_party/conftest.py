"""What lies here belongs to other distributions: tests install it, pytest does not look into it."""

collect_ignore_glob = ["*"]
