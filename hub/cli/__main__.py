"""`python -m hub.cli`: the same as `fichehub`, also where the script is not on the path."""

from hub.cli.main import main

if __name__ == "__main__":
    main()
