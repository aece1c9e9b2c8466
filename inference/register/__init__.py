"""The register: many marks, taken in once, and searched for those that a mark resembles."""
