"""A believable casino evening, and the demonstration that reckons it up."""
