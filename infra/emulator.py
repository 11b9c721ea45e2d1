"""Runs the local AWS; when its owner goes away, so does every process it started.

The owner holds the other end of our standard input. The line "keep" lets the stack outlive the owner; the end of the input without it (the
owner stopped, crashed or was killed) ends the whole process group: the emulator and the function processes it spawned.
"""

import os
import shutil
import signal
import sys
import tempfile
import threading

from ministack.app import main


def end_group():
    shutil.rmtree(tempfile.gettempdir(), ignore_errors=True)  # a folder of this stack's own: unpacked functions
    os.killpg(0, signal.SIGKILL)


def watch_owner():
    if sys.stdin.readline().strip() != "keep":
        end_group()


threading.Thread(target=watch_owner, daemon=True).start()
sys.argv = ["ministack"]
try:
    main()
finally:
    end_group()
