"""A dataset of the hub, at one commit of it or in a folder that mirrors it, read with the `datasets` library."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from trainables.data.files import digest
from trainables.errors import Problem, UserError, nearest
from trainables.spec import content_hash

_AT_ONCE = 1000  # rows that are Python objects at the same time
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHARD = re.compile(r"-of-(\d+)$")
_LISTED = re.compile(r"(Available|Should be one of|configs in the cache)[^\[]*\[(.*)\]")  # in errors of `datasets`
_ELSEWHERE = "load it once while online, or give a mirror of it: data: {hub: DIR}"


@dataclass(frozen=True)
class HubDataset:
    """One configuration of a dataset.

    Attributes:
        name: owner/name.
        config: None: the dataset has one only.
        revision: a commit, or a branch or tag; None: the main branch.
        mirror: a folder that holds owner/name as `hf download owner/name --repo-type dataset --local-dir` leaves it.
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

    def rows(self, split: str) -> Iterator[dict[str | int, Any]]:
        """The rows of a split, with the names of classes instead of their numbers; -1, no class, is "-1".

        Few of them are in memory at once.

        Raises:
            UserError: there is no such dataset, configuration or split, or the hub cannot be reached.
        """
        loaded = self._load(split)
        names = {name: _class_names(feature) for name, feature in loaded.features.items()}
        for batch in loaded.with_format("arrow").iter(_AT_ONCE):
            for row in batch.to_pylist():
                for name, value in row.items():
                    if classes := names[name]:
                        row[name] = _named(value, classes)
                    elif isinstance(value, str):
                        # The sentences of google/xtreme's Tatoeba keep the line breaks of the files they come from.
                        row[name] = value.rstrip("\r\n")
                yield row

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
            if shards := self._shards(split):
                files = {"rows": [str(path) for path in shards]}
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

    def _shards(self, split: str) -> list[Path]:
        """The mirrored Parquet files of a split, by the names that the hub gives them; none where its README is needed.

        They come before the README because a mirror may hold a few of the configurations that this tells of.
        """
        folder = self._folder
        if not folder.is_dir():
            raise UserError(Problem(f"the mirror has no folder '{folder}'", hint=self.download))
        places = [folder / self.config] if self.config else []
        if self.config in (None, "default"):
            places += [folder / "data", folder]
        for place in places:
            names = (f"{split}-*-of-*.parquet", f"{split}.parquet", f"{split}/*.parquet")
            found = sorted(path for name in names for path in place.glob(name))
            count = _SHARD.search(found[0].stem) if found else None
            if count and int(count[1]) != len(found):
                hint = "is the download complete?"
                raise UserError(Problem(f"'{place}' has {len(found)} of {int(count[1])} files of '{split}'", hint=hint))
            if found:
                return found
        if not (folder / "README.md").is_file():
            wanted = (places[0] / f"{split}-00000-of-00001.parquet").relative_to(folder).as_posix()
            there = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet"))
            hint = nearest(wanted, there)
            raise UserError(
                Problem(f"'{folder}' has no '{wanted}', and no README.md that names other files", hint=hint)
            )
        return []

    def _mirrored(self, split: str) -> list[Path]:
        """The files of a split in the mirror."""
        if shards := self._shards(split):
            return shards
        import datasets

        try:
            builder = datasets.load_dataset_builder(str(self._folder), self.config)
            return [Path(file) for file in builder.config.data_files[split]]
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
