"""`python -m cloudcircuit`."""

from cloudcircuit.cli import main

if __name__ == "__main__":
    main()
