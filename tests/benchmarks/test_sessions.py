"""Commands in sessions of their own: what of them has ended."""

import sys
from pathlib import Path

from measuring.sessions import Session

# Its first thread ends, by which the system calls it a zombie; another goes on for a second and holds its files.
FIRST_THREAD_ENDS = """
import ctypes, threading, time
threading.Thread(target=time.sleep, args=[1.0]).start()
ctypes.CDLL(None).pthread_exit(None)
"""


def test_a_process_has_ended_when_its_last_thread_has(tmp_path: Path) -> None:
    session = Session([sys.executable, "-c", FIRST_THREAD_ENDS], {}, tmp_path / "output.txt")
    try:
        assert session.wait(0.7) is None
        assert len(session.left_after(0.0)) == 1
        assert session.left_after(20.0) == []
    finally:
        session.end()
