"""The clients that people have, unchanged, over http and https: aws-cli, s3cmd, rclone, boto3, and
AWS's SDK for JavaScript."""
import os
import pathlib
import subprocess

import pytest

from harness import s3, wait

SDK = pathlib.Path(__file__).parent / "s3_sdk"


@pytest.fixture(scope="module", params=["http", "https"])
def store(request):
    make = s3.service if request.param == "http" else s3.secure_service
    with make(top="buckets: { media: {}, frontend: {} }") as service:
        yield service


@pytest.fixture
def tree(tmp_path):
    """A built site with a large file."""
    dist = tmp_path / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text("<h1>hello</h1>")
    (dist / "assets/app.js").write_text("go()")
    (dist / "a b+c&ü.txt").write_text("odd name")
    (dist / "large.bin").write_bytes(os.urandom(12_000_000))
    return dist


def _environment(store, trust):
    # The names of certificates that a machine may set are not for these services.
    kept = {name: value for name, value in os.environ.items() if not name.endswith("CA_BUNDLE")}
    trusted = {trust: str(store.authority.certificate)} if trust and store.authority else {}
    return {**kept, **store.environment(), **trusted}


def _run(store, folder, *command, trust=None):
    """`trust`: the variable by which the client is told whom it believes."""
    result = subprocess.run(list(map(str, command)), cwd=folder, env=_environment(store, trust),
                            text=True, stdin=subprocess.DEVNULL, capture_output=True,
                            timeout=50 * wait.patience())
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


def _same(one, other):
    names = sorted(str(path.relative_to(one)) for path in one.rglob("*") if path.is_file())
    assert names == sorted(str(path.relative_to(other)) for path in other.rglob("*")
                           if path.is_file())
    for name in names:
        assert (one / name).read_bytes() == (other / name).read_bytes()


@pytest.mark.limit(180)
def test_aws_cli(store, tree, tmp_path):
    def aws(*arguments):
        return _run(store, tmp_path, "/usr/bin/aws", "--endpoint-url", store.url, "s3", *arguments,
                    trust="AWS_CA_BUNDLE")
    assert "media" in aws("ls")
    aws("mb", "s3://by-aws")
    aws("sync", tree, "s3://by-aws", "--no-progress")
    assert aws("sync", tree, "s3://by-aws", "--no-progress") == ""
    assert "PRE assets/" in aws("ls", "s3://by-aws")
    aws("sync", "s3://by-aws", tmp_path / "back", "--no-progress")
    _same(tree, tmp_path / "back")
    aws("cp", "s3://by-aws/large.bin", "s3://media/copied.bin", "--no-progress")
    aws("mv", "s3://media/copied.bin", "s3://media/moved.bin", "--no-progress")
    assert aws("cp", "s3://by-aws/assets/app.js", "-") == "go()"
    aws("rm", "s3://media/moved.bin")
    aws("rm", "--recursive", "s3://by-aws")
    aws("rb", "s3://by-aws")


@pytest.mark.limit(180)
def test_s3cmd(store, tree, tmp_path):
    (tmp_path / "s3cfg").write_text(
        f"[default]\naccess_key = {store.access_key}\nsecret_key = {store.secret_key}\n"
        f"host_base = {store.host}\nhost_bucket = {store.host}/%(bucket)\n" +
        (f"use_https = True\nca_certs_file = {store.authority.certificate}\n"
         if store.authority else "use_https = False\n"))

    def s3cmd(*arguments):
        return _run(store, tmp_path, "s3cmd", "-c", tmp_path / "s3cfg", "--no-progress", *arguments)
    s3cmd("mb", "s3://by-s3cmd")
    s3cmd("sync", f"{tree}/", "s3://by-s3cmd/")
    assert "s3://by-s3cmd/assets/app.js" in s3cmd("ls", "--recursive", "s3://by-s3cmd")
    s3cmd("sync", "s3://by-s3cmd/", f"{tmp_path}/back/")
    _same(tree, tmp_path / "back")
    s3cmd("cp", "s3://by-s3cmd/large.bin", "s3://media/copied.bin")
    assert "12000000" in s3cmd("info", "s3://media/copied.bin")
    s3cmd("del", "s3://media/copied.bin")
    s3cmd("rb", "--recursive", "--force", "s3://by-s3cmd")


@pytest.mark.limit(180)
def test_rclone(store, tree, tmp_path):
    (tmp_path / "rclone.conf").write_text(
        f"[weir]\ntype = s3\nprovider = Other\nendpoint = {store.url}\n"
        f"access_key_id = {store.access_key}\nsecret_access_key = {store.secret_key}\n")

    trusted = ["--ca-cert", store.authority.certificate] if store.authority else []

    def rclone(*arguments):
        return _run(store, tmp_path, "rclone", "--config", tmp_path / "rclone.conf", *trusted,
                    *arguments)
    rclone("mkdir", "weir:by-rclone")
    rclone("sync", tree, "weir:by-rclone/site")
    rclone("check", tree, "weir:by-rclone/site")
    rclone("copy", "weir:by-rclone/site", tmp_path / "back")
    _same(tree, tmp_path / "back")
    rclone("copyto", "weir:by-rclone/site/large.bin", "weir:media/copied.bin")
    assert "12000000" in rclone("lsl", "weir:media")
    rclone("delete", "weir:media")
    rclone("purge", "weir:by-rclone")


def test_boto3(store, tree):
    client, bucket = store.client, store.bucket()
    client.upload_file(str(tree / "large.bin"), bucket, "large.bin")
    client.put_object(Bucket=bucket, Key="small", Body=b"hello")
    assert client.head_object(Bucket=bucket, Key="large.bin")["ETag"].endswith('-2"')
    read = client.get_object(Bucket=bucket, Key="large.bin")["Body"].read()
    assert read == (tree / "large.bin").read_bytes()
    listed = client.list_objects_v2(Bucket=bucket)["Contents"]
    assert [found["Key"] for found in listed] == ["large.bin", "small"]
    gone = client.delete_objects(
        Bucket=bucket, Delete={"Objects": [{"Key": found["Key"]} for found in listed]})
    assert len(gone["Deleted"]) == 2
    client.delete_bucket(Bucket=bucket)


@pytest.fixture(scope="module")
def sdk(tmp_path_factory):
    """The newest SDK that this Node can run, in a folder with the client that uses it."""
    folder = tmp_path_factory.mktemp("sdk")
    node = subprocess.run(["node", "--version"], text=True, capture_output=True, check=True).stdout
    version = "latest" if int(node.strip("v\n").split(".")[0]) >= 20 else "3.800.0"
    (folder / "package.json").write_text("{}")
    # It comes from the net, on a machine that may be busy with all else.
    result = subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--cache", folder / "npm",
         f"@aws-sdk/client-s3@{version}", f"@aws-sdk/lib-storage@{version}"],
        cwd=folder, text=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=400)
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"
    (folder / "client.mjs").write_bytes((SDK / "client.mjs").read_bytes())
    return folder


@pytest.mark.limit(500)
def test_the_sdk_for_javascript(store, sdk):
    """With the checksums that it sends by itself."""
    output = _run(store, sdk, "node", "client.mjs", store.url, trust="NODE_EXTRA_CA_CERTS")
    assert output.endswith("all good\n"), output
