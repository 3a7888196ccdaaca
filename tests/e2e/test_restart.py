"""What a server knows, it knows again after a stop; and two servers do not get in each other's way."""

import subprocess
import sys

QUESTION = "how do I reset my password?"
REWORDED = "How can I reset my password?"


def test_entries_settings_and_counters_survive_a_stop(start, tmp_path):
    first = start("--index-exact-max", "8", folder=tmp_path)
    with first.client(protocol=3, decode_responses=True) as client:
        for number in range(20):
            client.execute_command("MC.SET", "gpt-4", f"What does error code {number} mean?", f"answer {number}")
        client.execute_command("MC.SET", "gpt-4", QUESTION, "Click.", "SYSTEM", "Be brief.", "TAGS", 1, "faq")
        client.execute_command("MC.SET", "gpt-4", "removed", "gone")
        client.execute_command("MC.DEL", "gpt-4", "QUERY", "removed")
        client.execute_command("MC.CONFIG", "SET", "gpt-4", "default-ttl", "77")
        assert client.execute_command("MC.GET", "gpt-4", REWORDED, "SYSTEM", "Be brief.") == "Click."
    assert first.stop() == 0

    second = start(folder=tmp_path)
    with second.client(protocol=3, decode_responses=True) as client:
        found = client.execute_command("MC.GET", "gpt-4", REWORDED, "SYSTEM", "Be brief.", "TAGS", 1, "faq", "WITHMETA")
        assert (found["answer"], found["reason"], found["hits"]) == ("Click.", "similar", 2)
        answers = client.execute_command("MC.MGET", "gpt-4", 20, *(f"What does error code {number} mean?" for number in range(20)))
        assert answers == [f"answer {number}" for number in range(20)]
        assert client.execute_command("MC.GET", "gpt-4", "removed") is None
        assert client.execute_command("MC.CONFIG", "GET", "gpt-4", "default-ttl") == {"default-ttl": "77"}
        assert client.execute_command("MC.INFO", "gpt-4")["entries"] == 21


def test_a_second_server_is_refused_with_one_line(start, model, tmp_path):
    server = start(folder=tmp_path)
    command = [sys.executable, "-P", "-m", "mcserver", "--embedder", f"onnx:{model}"]
    for arguments, expected in [
        (["--port", "0", "--dir", tmp_path / "data"], "is in use by another mcserver"),
        (
            ["--port", str(server.port), "--dir", tmp_path / "other"],
            f"cannot listen on 127.0.0.1 port {server.port}: address already in use",
        ),
        (["--port", "70000", "--dir", tmp_path / "other"], "expected a whole number from 0 to 65535"),
    ]:
        refused = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=60, check=False)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert expected in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
