"""How much hypothesis tries: ``HYPOTHESIS_PROFILE`` is dev (the default), ci or deep."""

import os

from hypothesis import HealthCheck, settings

# The machine may be busy with other work: neither deadlines nor slow generation are failures.
for _name, _examples in {"dev": 15, "ci": 60, "deep": 1000}.items():
    settings.register_profile(
        _name,
        max_examples=_examples,
        deadline=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))
