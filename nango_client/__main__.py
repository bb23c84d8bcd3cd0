"""``python -m nango_client`` is the same as the command ``nango-client``."""

import sys

from nango_client._cli.main import main

sys.exit(main())
