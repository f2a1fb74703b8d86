"""How the project is served: on a free port, for as long as whoever started it holds its standard input open."""
import os
import signal
import threading

bind = "127.0.0.1:0"
# Two processes, so that two requests are really at work at once.
workers = 2
threads = 6
preload_app = True
# A busy machine is no hung worker.
timeout = 120
# Longer than any test: a client that keeps its connection must not send into one that is just being closed.
keepalive = 600
graceful_timeout = 10


def when_ready(server):
    threading.Thread(target=end_with_input, daemon=True).start()


def end_with_input():
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
