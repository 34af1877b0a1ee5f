"""`python -m cloudcircuit.config [FILE]`: write the schema for editors anew, to docs/config.schema.json by default."""

import json
import sys
from pathlib import Path

from cloudcircuit.config.editor import json_schema

if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/config.schema.json")
    target.write_text(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
