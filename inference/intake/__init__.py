"""The intake, by subject: what the bytes of a file hold, and what is done to make an exhibit of them."""
