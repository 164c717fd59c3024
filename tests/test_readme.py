"""What the README and the other documents show is what happens."""

from __future__ import annotations

import doctest
import re
import shlex
from pathlib import Path
from xml.etree import ElementTree

import pytest

import regions
from regions.cli.main import main

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
SVG = "{http://www.w3.org/2000/svg}"
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def blocks(path: Path, language: str) -> list[str]:
    text = path.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.M | re.S)


def transcripts(text: str) -> list[tuple[str, str]]:
    """Commands ``$ regions …`` of a console block, each with the output shown below it."""
    parts = re.split(r"^\$ (.*)$", text, flags=re.M)[1:]
    return [
        (command, shown.strip("\n")) for command, shown in zip(parts[::2], parts[1::2], strict=True)
    ]


def test_python_blocks_run(monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("torch", reason="the shipped models are files of PyTorch")
    monkeypatch.chdir(ROOT)
    for path in DOCUMENTS:
        source = "\n".join(blocks(path, "python"))
        examples = doctest.DocTestParser().get_doctest(source, {}, path.name, str(path), 0)
        runner = doctest.DocTestRunner(optionflags=OPTIONS)
        runner.run(examples)
        assert runner.failures == 0, path.name
        if path.name == "README.md":
            assert runner.tries >= 5


README_COMMANDS = [
    pytest.param(command, shown, id=f"{path.stem}: {command}")
    for path in DOCUMENTS
    for block in blocks(path, "console")
    for command, shown in transcripts(block)
    if command.startswith("regions ")
]


def test_commands_are_shown():
    assert len(README_COMMANDS) >= 3


@pytest.mark.parametrize(("command", "shown"), README_COMMANDS)
def test_console_blocks_run(
    command: str,
    shown: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    pytest.importorskip("torch", reason="the shipped models are files of PyTorch")
    monkeypatch.chdir(ROOT)
    main(shlex.split(command)[1:])
    printed = capsys.readouterr()
    actual = printed.out + printed.err
    checker = doctest.OutputChecker()
    assert checker.check_output(shown + "\n", actual, OPTIONS), f"printed:\n{actual}"


def test_the_picture_shows_every_region():
    pytest.importorskip("torch", reason="the shipped models are files of PyTorch")
    number = int(regions.count(regions.load(ROOT / "examples" / "models" / "moons.pt")))
    groups = ElementTree.parse(ROOT / "docs" / "moons.svg").getroot().iter(f"{SVG}g")
    drawn = next(group for group in groups if group.get("id") == "regions")
    assert len(list(drawn.iter(f"{SVG}path"))) == number
    assert f"{number} linear regions" in (ROOT / "docs" / "moons.svg").read_text(encoding="utf-8")


def test_links_lead_somewhere():
    for path in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


def test_make_targets_exist():
    rules = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M)
    for path in DOCUMENTS:
        for target in re.findall(r"`make ([a-z-]+)", path.read_text(encoding="utf-8")):
            assert target in rules, f"{path.name} speaks of make {target}"
