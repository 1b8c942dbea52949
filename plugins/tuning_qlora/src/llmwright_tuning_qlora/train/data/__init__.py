"""From a data file to rows of tokens. No torch here: a data set is checked before anything expensive is loaded."""
