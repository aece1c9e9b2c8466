"""Photos of parts: a laboratory's own folder as a set."""
