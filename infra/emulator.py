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
from ministack.core import iam_actions


def end_group():
    shutil.rmtree(tempfile.gettempdir(), ignore_errors=True)  # a folder of this stack's own: unpacked functions
    os.killpg(0, signal.SIGKILL)


def watch_owner():
    if sys.stdin.readline().strip() != "keep":
        end_group()


def like_aws(extract):
    """AWS has no permissions for the batch calls of SQS: those of the single calls cover them. The emulator asks for `sqs:SendMessageBatch`."""

    def action_of(*arguments, **named):
        action = extract(*arguments, **named)
        return action.removesuffix("Batch") if action and action.startswith("sqs:") else action

    return action_of


iam_actions.extract_iam_action = like_aws(iam_actions.extract_iam_action)
threading.Thread(target=watch_owner, daemon=True).start()
sys.argv = ["ministack"]
try:
    main()
finally:
    end_group()
