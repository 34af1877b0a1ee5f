"""Write the golden files anew, for the dialects that are installed: python -m tests.sql.regenerate"""

from __future__ import annotations

from tests.sql.compiled import CASES, GOLDEN, compile_all


def main() -> None:
    GOLDEN.mkdir(exist_ok=True)
    for name in CASES:
        (GOLDEN / f"{name}.sql").write_text(compile_all(name))


if __name__ == "__main__":
    main()
