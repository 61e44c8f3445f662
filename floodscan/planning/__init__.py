"""Planning: targets, slots, searches and batches of events."""
