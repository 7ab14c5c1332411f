"""The kernels of nbval: as empty as others, where they should be, interrupted and ended as others."""

import os
import subprocess
import sys
import time

import pytest
import warm_kernels
from nbval.kernel import start_new_kernel

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems start every kernel anew")
ASKED = """import os, sys
print(["decimal" in sys.modules, "dbp" in sys.modules, os.getcwd(), os.environ["ASKED"], os.getpid(), os.getppid()])"""


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    """A kernel of a process that has imported one module, and what reads from it."""
    with warm_kernels.warm(("decimal",)):
        environment = os.environ | {"ASKED": "so"}
        manager, client = start_new_kernel(kernel_name="python3", cwd=str(tmp_path_factory.mktemp("here")), env=environment,
                                           stderr=subprocess.DEVNULL)
        yield manager, client
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def run(client, source):
    """What a cell prints, and how it ended."""
    printed = []
    reply = client.execute_interactive(source, timeout=60, output_hook=lambda message: printed.append(
        message["content"].get("text", "")))
    return "".join(printed), reply["content"]


def test_it_has_imported_what_it_should_and_is_otherwise_as_any_kernel(kernel):
    manager, client = kernel
    text, reply = run(client, ASKED)
    imported, library, folder, asked, process, parent = eval(text)
    assert imported and not library and asked == "so" and os.path.basename(folder).startswith("here")
    assert reply["status"] == "ok" and manager.is_alive() and manager.provisioner.process.pid not in (process, parent)
    assert run(client, "print(sorted(name for name in dir() if not name.startswith('_')))")[0].strip() == str(
        ["In", "Out", "exit", "get_ipython", "open", "os", "quit", "sys"])


def test_it_is_interrupted(kernel):
    manager, client = kernel
    # Else a kernel aborts what comes within a moment of the interruption: the next test's question.
    asked = client.execute("import time\nprint('waits')\ntime.sleep(60)", stop_on_error=False)
    while client.get_iopub_msg(timeout=30)["content"].get("text") != "waits\n":
        pass
    manager.interrupt_kernel()
    reply = client.get_shell_msg(timeout=30)
    assert reply["parent_header"]["msg_id"] == asked and reply["content"]["ename"] == "KeyboardInterrupt"


def test_it_ends_with_who_stands_for_it(kernel):
    manager, client = kernel
    process = int(run(client, "print(os.getpid())")[0])
    manager.provisioner.process.kill()
    for _ in range(300):
        if not os.path.exists(f"/proc/{process}/cmdline") or not open(f"/proc/{process}/cmdline").read():
            return  # gone, or waiting for whoever forked it to notice
        time.sleep(0.1)
    pytest.fail("it lives on")
