"""The project's own generator of labelled spend and its scorer, as they are: a yardstick stays still."""
