"""Tables of custom indexes: one Delta table each, with rows that come in small pieces at any time."""
