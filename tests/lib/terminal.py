"""A person at a terminal: runs a command on a pseudo-terminal and follows a script.

usage: terminal.py [--size ROWSxCOLS] COMMAND…

Lines of standard input, each waited for 60 s at most:
  expect TEXT    until the output that was not looked at before has TEXT
  send TEXT      type it; \\r, \\x03, … as in Python
  type FILE      type what is in it
  size ROWSxCOLS resize the window
  wait SECONDS
  hangup         close the terminal
  kill SIGNAL    send the command a signal
  end            until the command has ended
The output goes to standard output, byte for byte. Ends as the command does
(128 + the signal where it died of one), or with 99 and what was missing.
"""
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

PATIENCE = 60


class Terminal:
    def __init__(self, rows, columns, command):
        self.new = b""
        self.status = None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            # a shell starts what it runs in the background with these ignored
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.signal(signal.SIGQUIT, signal.SIG_DFL)
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execvp(command[0], command)

    def read(self, seconds):
        """What comes within that time; False at the end."""
        if self.fd < 0:
            return False
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        if not data:
            return False
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        self.new += data
        return True

    def expect(self, text):
        until = time.monotonic() + PATIENCE
        while text not in self.new:
            if time.monotonic() > until or not self.read(0.2):
                sys.exit(f"\nterminal: did not come: {text!r}")
        self.new = self.new[self.new.index(text) + len(text):]

    def type(self, data):
        until = time.monotonic() + PATIENCE
        os.set_blocking(self.fd, False)
        while data:
            if time.monotonic() > until:
                sys.exit("\nterminal: cannot type on")
            try:
                data = data[os.write(self.fd, data[:1024]):]
            except BlockingIOError:
                self.read(0.05)
        os.set_blocking(self.fd, True)

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def close(self):
        os.close(self.fd)
        self.fd = -1

    def wait(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if not self.read(until - time.monotonic()):
                time.sleep(max(0, until - time.monotonic()))

    def end(self):
        until = time.monotonic() + PATIENCE
        while self.read(0.2):
            if time.monotonic() > until:
                sys.exit("\nterminal: the command does not end")
        while time.monotonic() < until:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = status
                return
            time.sleep(0.05)
        sys.exit("\nterminal: the command does not end")


def size(text):
    rows, columns = text.split("x")
    return int(rows), int(columns)


def follow(terminal, lines):
    for line in lines:
        verb, _, text = line.rstrip("\n").partition(" ")
        text = text.encode().decode("unicode_escape").encode("latin-1")
        if verb == "expect":
            terminal.expect(text)
        elif verb == "send":
            terminal.type(text)
        elif verb == "type":
            with open(text, "rb") as file:
                terminal.type(file.read())
        elif verb == "size":
            terminal.resize(*size(text.decode()))
        elif verb == "wait":
            terminal.wait(float(text))
        elif verb == "hangup":
            terminal.close()
        elif verb == "kill":
            os.kill(terminal.pid, getattr(signal, "SIG" + text.decode()))
        elif verb == "end":
            terminal.end()
        elif verb:
            sys.exit(f"terminal: what is {verb!r}?")


def main():
    arguments = sys.argv[1:]
    rows, columns = 24, 80
    if arguments[0] == "--size":
        rows, columns = size(arguments[1])
        arguments = arguments[2:]
    terminal = Terminal(rows, columns, arguments)
    try:
        follow(terminal, sys.stdin)
        if terminal.status is None:
            terminal.end()
    except SystemExit as failure:
        print(failure.code, file=sys.stderr)
        os.kill(terminal.pid, signal.SIGKILL)
        os.waitpid(terminal.pid, 0)
        sys.exit(99)
    status = terminal.status
    sys.exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))


main()
