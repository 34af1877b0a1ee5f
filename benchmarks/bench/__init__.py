"""The project's own generator of labelled spend and its scorer, as they are: what methods are compared by stays still."""
