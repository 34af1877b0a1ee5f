"""From "something is to be told" to "the receiver has it"."""
