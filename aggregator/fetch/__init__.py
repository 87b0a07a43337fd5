"""Gets documents from the network and from files: politely, within bounds, and from nowhere that was not allowed."""
