"""Files that a person wrote: events and recipes, read and checked."""
