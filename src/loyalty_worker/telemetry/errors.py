"""What the HTTP side raises, apart from it: commands name it, and load no server for that."""


class ListenError(Exception):
    """The address cannot be listened on; the text names it and what to do."""
