"""Reference collections: what an examiner's own genuine photos of a part say of a questioned one."""
