"""A dataset of the hub, at one commit of it or in a folder that mirrors it, read with the `datasets` library."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from trainables.data.files import digest
from trainables.data.findings import Findings
from trainables.data.tables import Record, Table, read_table
from trainables.errors import Problem, UserError, nearest
from trainables.spec import content_hash

_AT_ONCE = 1000  # rows that are Python objects at the same time
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHARD = re.compile(r"-of-(\d+)$")
_LISTED = re.compile(r"(Available|Should be one of|configs in the cache)[^\[]*\[(.*)\]")  # in errors of `datasets`
_STATE = "state.json"  # in every folder that `save_to_disk` writes
_ABOUT = {_STATE, "dataset_info.json", "dataset_dict.json", "dataset_infos.json"}  # JSON that is no data
_FORMATS = {"jsonl": "jsonl", "json": "jsonl", "csv": "csv", "tsv": "tsv"}
_ELSEWHERE = "load it once while online, or give a mirror of it: data: {hub: DIR}"


@dataclass(frozen=True)
class HubDataset:
    """One configuration of a dataset.

    Attributes:
        name: owner/name.
        config: None: the dataset has one only.
        revision: a commit, or a branch or tag; None: the main branch.
        mirror: a folder that holds owner/name as `hf download owner/name --repo-type dataset --local-dir` leaves it, or
            as `save_to_disk` of the library does, or just a file of text for each split.
    """

    name: str
    config: str | None
    revision: str | None
    mirror: Path | None = None

    def __str__(self) -> str:
        config = f", config '{self.config}'" if self.config else ""
        return f"dataset {self._folder if self.mirror else self.name}{config}"

    @property
    def is_there(self) -> bool:
        """Whether the mirror has its folder; of the hub it is believed."""
        return self.mirror is None or (self.mirror / self.name).is_dir()

    @property
    def download(self) -> str:
        """The command that puts it into the mirror."""
        at = f" --revision {self.revision}" if self.revision else ""
        return f"hf download {self.name} --repo-type dataset{at} --local-dir {self._folder}"

    def tables(self, split: str) -> Iterator[tuple[Findings, Table]]:
        """The tables that make a split, each with where its problems are noted. One, unless its files are of text.

        Raises:
            UserError: there is no such dataset, configuration or split, or the hub cannot be reached.
        """
        found = [] if self.mirror is None else self._found(split)
        texts = [path for path in found if _format(path)]
        for path in texts:
            findings = Findings(path)
            yield findings, read_table(path, _format(path) or "", {"header": True}, findings)
        if not texts:
            loaded, findings = self._load(split), Findings(f"{self}, split '{split}'")
            yield findings, Table(lambda: _records(loaded, findings))

    def version(self, splits: Sequence[str]) -> str:
        """The commit that is read, or a hash of the mirrored files. A revision that is a commit needs no network.

        Raises:
            UserError: the newest commit, or a file of the mirror, cannot be looked up.
        """
        if self.mirror is None:
            return self._commit()
        found = sorted(path for split in splits for path in self._mirrored(split))
        return content_hash([digest(path, path.stat().st_size, path.stat().st_mtime_ns) for path in found])

    def _load(self, split: str) -> Any:
        import datasets  # takes a second; a run that finds its features cached never gets here

        try:
            if self.mirror is None:
                commit = self._commit()
                builder = datasets.load_dataset_builder(self.name, self.config, revision=commit)
                if builder.hash != commit:  # where the hub cannot be reached it takes whatever version is cached
                    message = (
                        f"{self}: the hub cannot be reached and the cache holds commit {builder.hash}, not {commit}"
                    )
                    raise UserError(Problem(message, hint=_ELSEWHERE))
                # Several processes of a node download once: it holds a file lock while it prepares the dataset, and
                # whoever gets the lock next finds it prepared.
                builder.download_and_prepare()
                return builder.as_dataset(split=split)
            found = self._found(split)
            if any(path.suffix == ".arrow" for path in found):
                return datasets.load_from_disk(str(found[0].parent))
            if found:
                files = {"rows": [str(path) for path in found]}
                return datasets.load_dataset("parquet", data_files=files, split="rows")
            return datasets.load_dataset(str(self._folder), self.config, split=split)
        except UserError:
            raise
        except Exception as error:  # its own, httpx's, pyarrow's, the hub client's: all say what could not be read
            raise UserError(self._explained(split, error)) from error

    def _commit(self) -> str:
        pinned = self.revision and _COMMIT.fullmatch(self.revision)
        return pinned[0] if pinned else _newest(self.name, self.revision)

    @property
    def _folder(self) -> Path:
        return (self.mirror or Path()) / self.name

    def _found(self, split: str) -> list[Path]:
        """The mirrored files of a split, by the names that the hub, or `save_to_disk`, or people give them.

        Empty where its README is needed. This comes after Parquet and saved datasets, because a mirror may hold a few
        of the configurations that it tells of; before files of text, because it may tell how they are read.
        """
        folder = self._folder
        if not folder.is_dir():
            raise UserError(Problem(f"the mirror has no folder '{folder}'", hint=self.download))
        places = [folder / self.config] if self.config else []
        if self.config in (None, "default"):
            places += [folder / "data", folder]
        has_readme = (folder / "README.md").is_file()
        for place in places:
            found = _saved(place, split) or _shards(place, split) or ([] if has_readme else _texts(place, split))
            if found:
                return found
        if has_readme:
            return []
        wanted = (places[0] / f"{split}-00000-of-00001.parquet").relative_to(folder).as_posix()
        known = {path for path in folder.rglob("*") if path.suffix == ".parquet" or _format(path)}
        known |= {path.parent for path in folder.rglob(_STATE)}
        there = sorted(path.relative_to(folder).as_posix() for path in known)
        message = f"'{folder}' has no '{wanted}', and no README.md that names other files"
        raise UserError(Problem(message, hint=nearest(wanted, there) if there else "is the download complete?"))

    def _mirrored(self, split: str) -> list[Path]:
        """The files of a split in the mirror."""
        if found := self._found(split):
            return found
        import datasets

        try:
            builder = datasets.load_dataset_builder(str(self._folder), self.config)
            files = builder.config.data_files or {}
            if split not in files:
                raise UserError(
                    Problem(f"{self}: there is no split '{split}'", hint=nearest(split, sorted(map(str, files))))
                )
            return [Path(file) for file in files[split]]
        except UserError:
            raise
        except Exception as error:  # as in _load
            raise UserError(self._explained(split, error)) from error

    def _explained(self, split: str, error: Exception) -> Problem:
        if isinstance(error, ConnectionError):
            return Problem(f"{self}: the hub cannot be reached and the cache does not hold it", hint=_ELSEWHERE)
        if listed := _LISTED.search(str(error)):
            wanted = split if listed[1] == "Should be one of" else str(self.config)
            hint = nearest(wanted, sorted(re.findall(r"'([^']*)'", listed[2])))
            return Problem(f"{self}, split '{split}': there is no '{wanted}'", hint=hint)
        return Problem(f"{self}, split '{split}': {error}")


def _shards(place: Path, split: str) -> list[Path]:
    """The Parquet files of a split."""
    names = (f"{split}-*-of-*.parquet", f"{split}.parquet", f"{split}/*.parquet")
    found = sorted(path for name in names for path in place.glob(name))
    count = _SHARD.search(found[0].stem) if found else None
    if count and int(count[1]) != len(found):
        message = f"'{place}' has {len(found)} of {int(count[1])} files of '{split}'"
        raise UserError(Problem(message, hint="is the download complete?"))
    return found


def _saved(place: Path, split: str) -> list[Path]:
    """The files of a split that `save_to_disk` of the library wrote; of a dataset of one split the name may be lost."""
    folder = place / split if (place / split / _STATE).is_file() else place
    if not (folder / _STATE).is_file():
        return []
    try:
        state = json.loads((folder / _STATE).read_text(encoding="utf-8"))
        found = [folder / one["filename"] for one in state["_data_files"]]
        name = state["_split"] or "train"
    except (OSError, ValueError, LookupError, TypeError) as error:
        message = f"'{folder / _STATE}' is not what save_to_disk writes: {type(error).__name__} {error}"
        raise UserError(Problem(message, hint="save the dataset anew")) from error
    if folder == place and name != split:
        message = f"'{folder}' was saved as one dataset, which is the split '{name}', not '{split}'"
        raise UserError(Problem(message, hint="save all splits together, as a DatasetDict"))
    if lacking := [path.name for path in found if not path.is_file()]:
        raise UserError(Problem(f"'{folder}' has no {', '.join(lacking)}", hint="was it copied as a whole?"))
    return [*found, folder / "dataset_info.json"]


def _texts(place: Path, split: str) -> list[Path]:
    """The files of text of a split."""
    names = [*(f"{split}.{one}" for one in _FORMATS), f"{split}-*-of-*", f"{split}/*"]
    found = sorted(path for name in names for end in ("", ".gz") for path in place.glob(name + end))
    texts = list(dict.fromkeys(path for path in found if _format(path)))
    if len({_format(path) for path in texts}) > 1:
        listed = ", ".join(path.relative_to(place).as_posix() for path in texts)
        raise UserError(Problem(f"'{place}' has '{split}' in two formats: {listed}", hint="leave one of them there"))
    return texts


def _format(path: Path) -> str | None:
    """Which of the formats of tables a file's name says, if any."""
    if path.name in _ABOUT:
        return None
    return _FORMATS.get(path.name.removesuffix(".gz").rpartition(".")[2])


def _records(loaded: Any, findings: Findings) -> Iterator[Record]:
    """The rows of a split, with the names of classes instead of their numbers; -1, no class, is "-1"."""
    names = {name: _class_names(feature) for name, feature in loaded.features.items()}
    before = 0
    for batch in loaded.with_format("arrow").iter(_AT_ONCE):
        try:
            rows = batch.to_pylist()
        except UnicodeDecodeError as error:
            findings.stop(f"is not UTF-8: {error.object[:40]!r}, in this row or one of the next {_AT_ONCE}", before + 1)
        for number, row in enumerate(rows, before + 1):
            for name, value in row.items():
                if classes := names[name]:
                    row[name] = _named(value, classes)
                elif isinstance(value, str):
                    # The sentences of google/xtreme's Tatoeba keep the line breaks of the files they come from.
                    row[name] = value.rstrip("\r\n")
            yield Record(number, row)
        before += len(rows)


def _class_names(feature: Any) -> Sequence[str]:
    """The names of a column's classes, or of those in its lists; empty where it has none."""
    import datasets

    one = feature.feature if isinstance(feature, datasets.List | datasets.LargeList) else feature
    return one.names if isinstance(one, datasets.ClassLabel) else ()


def _named(value: Any, classes: Sequence[str]) -> Any:
    if isinstance(value, list):
        return [_named(one, classes) for one in value]
    return value if value is None else str(value) if value < 0 else classes[value]


@cache
def _newest(name: str, revision: str | None) -> str:
    """The commit that a branch or tag points to; where the hub cannot be reached, the one that is cached."""
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(name, repo_type="dataset", revision=revision, allow_patterns="README.md")
    except Exception as error:  # the hub client's own, httpx's, ...
        problem = f"dataset {name}: its newest commit cannot be looked up ({type(error).__name__})"
        raise UserError(Problem(problem, hint=_ELSEWHERE)) from error
    return Path(folder).name
