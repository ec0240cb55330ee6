"""All cases."""

import categories
import columns
import losses

CASES = columns.CASES + losses.CASES + categories.CASES

names = [c.folder(v) for c in CASES for v in c.versions]
repeated = {n for n in names if names.count(n) > 1}
if repeated:
    raise ValueError(f"cases with the same name: {sorted(repeated)}")
