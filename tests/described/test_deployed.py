"""What deploy/ has for containers, judged by other people's readers: the Dockerfile, what it is built from, and what is
said to Kubernetes, by its own schemas. The wheel that the image installs is built from those very files, and run.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.clients.plain import get_json
from tests.described.test_by_others import program
from tests.integration.process import PROJECT, Process

DEPLOY = Path(PROJECT, "deploy")
SLOW_S = 600


def judged(code: str, *arguments: str | Path) -> Any:
    """What Python code of the judges' environment prints, as JSON."""
    done = subprocess.run([program("python"), "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# ---------------------------------------------------------------- the image


@pytest.fixture(scope="module")
def steps() -> list[tuple[str, str]]:
    """(instruction, value) of the Dockerfile."""
    code = (
        "import dockerfile_parse, io, json, sys; "
        "file = dockerfile_parse.DockerfileParser(fileobj=io.BytesIO(open(sys.argv[1], 'rb').read())); "
        "print(json.dumps([(step['instruction'], step['value']) for step in file.structure]))"
    )
    return [(name, value) for name, value in judged(code, DEPLOY / "Dockerfile") if name != "COMMENT"]


def test_the_image_is_nobodys_and_says_how_it_does(steps: list[tuple[str, str]]) -> None:
    names = [name for name, _ in steps]
    last = len(names) - 1 - names[::-1].index("FROM")
    assert names.count("FROM") == 2
    final = steps[last:]
    users = [value for name, value in final if name == "USER"]
    assert users == ["10001:10001"]
    assert [name for name, _ in final].index("USER") < [name for name, _ in final].index("ENTRYPOINT")
    assert [name for name, _ in final].count("HEALTHCHECK") == 1
    assert all(
        ":" in value.split()[0] and not value.split()[0].endswith(":latest") for n, value in steps if n == "FROM"
    )
    assert "gcc" not in " ".join(value for _, value in final)  # it stays in the stage before
    [entry] = [json.loads(value) for name, value in steps if name == "ENTRYPOINT"]
    assert entry[1:3] == ["--serve", "/tree"]


def test_no_secret_is_in_the_image(steps: list[tuple[str, str]]) -> None:
    assert not {name for name, _ in steps} & {"ARG", "ENV", "ADD"}
    copied = [value for name, value in steps if name == "COPY" and "--from" not in value]
    assert copied == [
        "requirements/build.txt requirements/runtime.txt requirements/",
        ". .",
        "requirements/runtime.txt /tmp/runtime.txt",
    ]
    lines = [line for line in Path(PROJECT, ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*"  # what is not named stays out


def test_its_health_check_is_right_of_a_live_server(steps: list[tuple[str, str]], tmp_path: Path) -> None:
    [check] = [value for name, value in steps if name == "HEALTHCHECK"]
    found = re.search(r"CMD (\[.*\])$", check, re.S)
    assert found is not None
    command = [sys.executable, *json.loads(found[1])[1:]]
    with Process(tmp_path, "--auth-token", "a-token-of-the-tests") as server:
        here = [word.replace(":8973", f":{server.port}") for word in command]
        assert subprocess.run(here, check=False).returncode == 0
        server.end(signal.SIGKILL)
        assert subprocess.run(here, check=False, stderr=subprocess.DEVNULL).returncode != 0


def context(directory: Path) -> Path:
    """What .dockerignore lets through; and, so that nothing is compiled twice, what was built from the same sources."""
    lines = Path(PROJECT, ".dockerignore").read_text().splitlines()
    left_out = shutil.ignore_patterns(*(line.removeprefix("**/") for line in lines if line.startswith("**/")))
    for name in (line.removeprefix("!") for line in lines if line.startswith("!")):
        source = Path(PROJECT, name)
        if source.is_dir():
            shutil.copytree(source, directory / name, ignore=left_out)
        else:
            shutil.copy2(source, directory / name)
    if Path(PROJECT, "build", "fast").is_dir():
        shutil.copytree(Path(PROJECT, "build", "fast"), directory / "build" / "fast")
    return directory


def test_the_wheel_is_whole(tmp_path: Path) -> None:
    """In an environment that has its dependencies and nothing of the project."""
    (tmp_path / "src").mkdir()
    source, wheels, fresh = context(tmp_path / "src"), tmp_path / "wheels", tmp_path / "fresh"
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(wheels), "."]
    subprocess.run(build, cwd=source, check=True, timeout=SLOW_S)
    [wheel] = wheels.iterdir()
    subprocess.run([sys.executable, "-m", "venv", fresh], check=True)
    subprocess.run(
        [fresh / "bin" / "python", "-m", "pip", "install", "-q", "--no-deps", wheel], check=True, cwd=tmp_path
    )
    [packages] = fresh.glob("lib/python*/site-packages")
    (packages / "theirs.pth").write_text(sysconfig.get_path("purelib") + "\n")
    program = "import smarttree; print(smarttree.__file__)"
    python = str(fresh / "bin" / "python")
    where = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert where.stdout.startswith(str(packages))
    (tmp_path / "tree").mkdir()
    serve = ["env", "-u", "PYTHONPATH", str(fresh / "bin" / "st"), "--serve"]
    with Process(tmp_path / "tree", command=serve) as server:
        server.await_ready()
        (tmp_path / "tree" / "news").touch()
        server.sync()
        assert "news" in json.dumps(get_json(f"{server.url}/tree?mode=json"))
        assert server.end(signal.SIGTERM)[0] == 0


def test_the_images_packages_are_the_projects() -> None:
    """Its Python is one that the project is for."""
    settings = tomllib.loads(Path(PROJECT, "pyproject.toml").read_text())
    versions = re.findall(r"^FROM python:(3\.\d+)-slim", (DEPLOY / "Dockerfile").read_text(), re.M)
    assert len(set(versions)) == 1
    assert f"Programming Language :: Python :: {versions[0]}" in settings["project"]["classifiers"]


# ---------------------------------------------------------------- Kubernetes

PARSE = "import json, sys, yaml; print(json.dumps([*yaml.safe_load_all(open(sys.argv[1]))]))"
VALIDATE = (
    "import json, sys, yaml, kubernetes_validate as v; "
    "print(json.dumps([v.validate(each, sys.argv[2], strict=True) for each in yaml.safe_load_all(open(sys.argv[1]))]))"
)


@pytest.mark.parametrize("version", ["1.30", "1.37"])
def test_kubernetes_understands_every_word(version: str) -> None:
    assert judged(VALIDATE, DEPLOY / "kubernetes" / "smarttree.yaml", version) == [version] * 3


def test_a_pod_has_no_more_than_it_needs() -> None:
    told = judged(PARSE, DEPLOY / "kubernetes" / "smarttree.yaml")
    [pod] = [each["spec"]["template"]["spec"] for each in told if each["kind"] == "StatefulSet"]
    [container] = pod["containers"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    probed = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "readiness", "liveness")}
    assert probed == {"startup": "/readyz", "readiness": "/readyz", "liveness": "/healthz"}
    assert "--auth-token" not in container["args"]
    mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
    assert set(mounts) == {volume["name"] for volume in pod["volumes"]}
    assert mounts["tree"]["readOnly"]


def test_a_probe_needs_no_token(tmp_path: Path) -> None:
    """It asks by the Pod's address, and from the node's."""
    with Process(tmp_path, "--auth-token", "a-token-of-the-tests", "--host", "0.0.0.0") as server:
        for path in ("/healthz", "/readyz"):
            ask = ["curl", "-q", "-sS", "-H", "Host: 10.1.2.3:8973", "--retry", "20", "--fail", f"{server.url}{path}"]
            assert subprocess.run(ask, capture_output=True, check=False).returncode == 0
