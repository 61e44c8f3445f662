"""The guide: one Markdown page a topic."""
