"""Write the generated files into the repository that is the current folder: `python -m mcserver.settings`."""

from pathlib import Path

from mcserver.settings.page import GENERATED

if __name__ == "__main__":
    for path, text in GENERATED.items():
        Path(path).write_text(text(), encoding="utf-8")
