"""Rules and values of the field; standard library only, no input and no output."""
