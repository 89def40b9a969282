"""Certificates of the local authority: made at the start, for every site, and believed by clients."""
import json
import os
import shutil
import signal
import socket
import ssl

from harness import curl, wait

SITE = """\
listeners:
  http: {{ address: "127.0.0.1:@PORT@" }}
  https: {{ address: "127.0.0.1:@PORT2@", tls: {tls} }}
workers: 1
access_log: off
sites:
  notes: {{ domains: [{names}], redirect_https: false, respond: "hello" }}
"""
NAMES = "notes.localhost, \"*.notes.localhost\""


def text(names=NAMES, tls="auto"):
    return SITE.format(names=names, tls=tls)


def folder_of(edge):
    return edge.folder / ".weir/certificates"


def get(edge, name="notes.localhost", root="authority.pem"):
    port = edge.ports["PORT2"]
    return curl.get(f"https://{name}:{port}/", "--cacert", folder_of(edge) / root,
                    "--resolve", f"{name}:{port}:127.0.0.1")


def shown(edge, name="notes.localhost"):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", edge.ports["PORT2"]), 5) as plain, \
            context.wrap_socket(plain, server_hostname=name) as secure:
        return secure.getpeercert(binary_form=True)


def test_the_first_request_already_has_one(weir):
    edge = weir.edge(text())
    for name in ("notes.localhost", "a.notes.localhost"):
        answer = get(edge, name)
        assert (answer.code, answer.body) == (0, b"hello")
    assert "made an authority of this machine's own" in edge.log()
    state = json.loads((folder_of(edge) / "state.json").read_text())["certificates"]
    assert [one["phase"] for one in state] == ["good"]
    assert {oct(path.stat().st_mode)[-3:] for path in folder_of(edge).glob("*.pem")} == {"600"}


def test_it_is_the_same_after_a_restart(weir):
    edge = weir.edge(text())
    before = shown(edge)
    assert edge.stop() == 0
    edge.start()
    assert shown(edge) == before


def test_a_reload_brings_one_for_other_names(weir):
    edge = weir.edge(text())
    edge.write(text("other.localhost"))
    assert weir.run("reload", "-f", edge.file).code == 0
    wait.until(lambda: get(edge, "other.localhost").code == 0, "the other certificate")
    assert get(edge, "other.localhost").body == b"hello"


def test_names_of_others_have_an_authority_of_their_own(weir):
    edge = weir.edge(text("shop.example.com", tls="internal"))
    assert get(edge, "shop.example.com", "authority-open.pem").body == b"hello"
    assert not (folder_of(edge) / "authority.pem").exists()


def test_one_that_is_damaged_is_made_anew(weir):
    edge = weir.edge(text())
    before = shown(edge)
    assert edge.stop() == 0
    path = next(folder_of(edge).glob("notes*.pem"))
    key = path.read_bytes()
    path.write_bytes(key[:200])  # cut off by a bad disk
    edge.start()
    assert shown(edge) != before
    assert get(edge).body == b"hello"


def test_another_authority_signs_anew(weir):
    edge = weir.edge(text())
    before = shown(edge)
    assert edge.stop() == 0
    (folder_of(edge) / "authority.pem").unlink()
    edge.start()
    assert shown(edge) != before
    assert get(edge).body == b"hello"


def test_a_damaged_authority_is_told_and_not_replaced(weir):
    edge = weir.edge(text())
    assert edge.stop() == 0
    path = folder_of(edge) / "authority.pem"
    path.write_text("junk")
    next(folder_of(edge).glob("notes*.pem")).unlink()
    edge.start()
    edge.wait_for_log("authority.pem cannot be used: there is no private key in it; remove it")
    assert path.read_text() == "junk"
    path.unlink()
    assert weir.run("reload", "-f", edge.file).code == 0
    wait.until(lambda: get(edge).code == 0, "the certificate")


def test_a_supervisor_that_was_killed_leaves_no_second_keeper(weir):
    edge = weir.edge(text())
    before = shown(edge)
    edge.kill()
    edge.start()
    assert shown(edge) == before
    assert edge.stop() == 0


def test_a_new_binary_takes_over_with_the_same_one(weir):
    edge = weir.edge(text())
    before, pid, keeper = shown(edge), edge.status()["pid"], keeper_of(edge)
    edge.signal(signal.SIGUSR2)
    wait.until(lambda: edge.status()["pid"] != pid, "the new edge")
    assert shown(edge) == before
    wait.until(lambda: keeper_of(edge) not in (None, keeper), "another keeper")
    assert edge.process.poll() is None


def test_a_stopped_keeper_does_not_hold_up_the_end(weir):
    edge = weir.edge(text())
    keeper = keeper_of(edge)
    os.kill(keeper, signal.SIGSTOP)
    assert edge.stop() == 0


def keeper_of(edge):
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                words = open(f"/proc/{name}/cmdline", "rb").read().split(b"\0")
            except OSError:
                continue
            if b"certificates-process" in words and str(edge.file).encode() in words:
                return int(name)
    return None


def test_a_folder_that_was_removed_is_made_again(weir):
    edge = weir.edge(text())
    before = shown(edge)
    keeper = keeper_of(edge)
    shutil.rmtree(folder_of(edge))
    edge.write(text("other.localhost"))
    assert weir.run("reload", "-f", edge.file).code == 0
    wait.until(lambda: get(edge, "other.localhost").code == 0, "the other certificate")
    assert keeper_of(edge) != keeper
    edge.write(text())
    assert weir.run("reload", "-f", edge.file).code == 0
    wait.until(lambda: get(edge).code == 0 and shown(edge) != before, "the first one anew")


def test_the_keeper_has_given_up_its_rights(weir):
    edge = weir.edge(text())
    status = dict(line.split(":\t") for line in
                  open(f"/proc/{keeper_of(edge)}/status").read().split("\n") if ":\t" in line)
    assert status["NoNewPrivs"] == "1"
    overriding_files = 0b110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    assert int(status["CapEff"], 16) & ~overriding_files == 0
