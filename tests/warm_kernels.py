"""Kernels for nbval that need not import PyTorch each: they are forked from a process that has.

What nearly every notebook imports takes a processor three seconds, and each of some twenty notebooks is run in a kernel of
its own. A forked kernel is as empty as any other: nothing has run in it, no name is bound, and nothing of the library was
imported. Other kernels, those of `make execute` and of readers, start as ever.

    python tests/warm_kernels.py serve FD MODULE ...                imports, and forks a kernel for whoever asks for one
    python tests/warm_kernels.py ask SOCKET -m ipykernel_launcher   asks for one, and stands for it: its signals, its end
"""

import contextlib
import importlib
import json
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

IMPORTED = ("torch", "torch._dynamo", "torchvision", "pandas", "scipy.stats", "sklearn.mixture", "matplotlib.pyplot",
            "ipykernel.kernelapp", "ipykernel.ipkernel")  # the first optimiser that is made imports the compiler
INLINE = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}  # as in any kernel; Matplotlib reads it when imported


@contextlib.contextmanager
def warm(imported: tuple[str, ...] = IMPORTED):
    """A context in which every kernel that this process starts by jupyter_client has these modules imported."""
    from jupyter_client.provisioning import local_provisioner

    folder = Path(tempfile.mkdtemp(prefix="kernels"))
    address, servers, start = folder / "socket", [], local_provisioner.launch_kernel

    def launch(argv, **given):
        if not servers:
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(address))
                listener.listen()  # so that those that ask early wait
                command = [sys.executable, __file__, "serve", str(listener.fileno()), *imported]
                servers.append(subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[listener.fileno()],
                                                env=os.environ | INLINE))
        return start([sys.executable, "-IS", __file__, "ask", str(address), *argv[argv.index("-m"):]], **given)

    local_provisioner.launch_kernel = launch
    try:
        yield
    finally:
        local_provisioner.launch_kernel = start
        for server in servers:
            server.stdin.close()
            server.wait()
        shutil.rmtree(folder)


def serve(number: int, imported: list[str]) -> None:
    """Import, then fork a kernel for each that connects, until the standard input ends; in a kernel, until it has ended."""
    with socket.socket(fileno=number) as listener:
        for name in imported:
            importlib.import_module(name)
        while True:
            ready, _, _ = select.select([listener, sys.stdin], [], [], 10)
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            if sys.stdin in ready:
                return
            if listener not in ready:
                continue
            connection, _ = listener.accept()
            _, streams, _, _ = socket.recv_fds(connection, 1, 3)
            asked = json.loads(connection.makefile().readline())
            kernel = os.fork()
            if not kernel:
                listener.close()
                return become(asked, streams, connection)
            for stream in streams:
                os.close(stream)
            connection.sendall(f"{kernel}\n".encode())
            connection.close()


def become(asked: dict, streams: list[int], connection: socket.socket) -> None:
    """Be the kernel that was asked for, in this forked process, for as long as who asked is there."""
    os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def end_with_asker() -> None:
        connection.recv(1)
        os._exit(1)

    threading.Thread(target=end_with_asker, daemon=True).start()
    sys.path[0] = os.getcwd()  # as `python -m` has it
    sys.argv = asked["argv"][1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def ask(address: str, argv: list[str]) -> None:
    """Stand for a kernel in the eyes of who started this process."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        socket.send_fds(connection, [b"."], [0, 1, 2])
        asked = {"argv": argv, "folder": os.getcwd(), "environment": dict(os.environ)}
        connection.sendall(f"{json.dumps(asked)}\n".encode())
        kernel = int(connection.makefile().readline())
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _: os.kill(kernel, number))
        connection.recv(1)  # it says nothing, but ends


if __name__ == "__main__":
    role, where, *rest = sys.argv[1:]
    serve(int(where), rest) if role == "serve" else ask(where, rest)
