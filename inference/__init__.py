"""All that an examination needs, from the intake of a file to the verified report."""

import os

# Set before torch is imported, since its OpenMP reads it once. By default a thread of the network that waits for the
# others spins long enough to take the core that the framing of the next pictures needs.
os.environ.setdefault("GOMP_SPINCOUNT", "3000")
