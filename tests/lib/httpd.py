#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""An HTTP/1.1 server on loopback, with faults.

httpd.py --root DIR --port-file FILE --log FILE [--tls CERT KEY]

A path is any number of faults and then a file below DIR, `/cut/1000/no-range/image`:

  plain                 none
  cut/N                 the connection ends after N bytes of the body
  stall/N               nothing more comes after N bytes of the body
  trickle/BPS           so many bytes in a second
  late/S                the answer begins after S seconds
  busy/S                503, with Retry-After
  wrong-length          Content-Length is ten more than what comes
  chunked               no Content-Length
  404, 500, 503, ...    that status
  500-then-200          500 to the first request for the path
  once                  what follows holds for the first request for the path alone
  redirect-loop         to itself
  redirect/N            N redirects, then the rest of the path
  redirect-to/URL       there, whatever follows
  no-range              Range is ignored
  wrong-range           206 begins a byte later than asked
  changed-etag          another ETag each time
  weak-etag, no-etag, no-validator (neither ETag nor Last-Modified)
  encoded               a Content-Encoding that nobody asked for
  auth/USER:PASSWORD    401 without these

The log has a line for each request, once it is answered:

  METHOD path range=RANGE|- status bytes-of-the-body-sent
"""

import argparse
import base64
import http.server
import os
import re
import socket
import ssl
import threading
import time
import urllib.parse

BLOCK = 1 << 18
WITH_VALUE = {"cut", "stall", "trickle", "late", "busy", "redirect", "auth"}
ALONE = {
    "plain", "wrong-length", "chunked", "500-then-200", "once", "redirect-loop", "no-range", "wrong-range",
    "changed-etag", "weak-etag", "no-etag", "no-validator", "encoded",
}
lock = threading.Lock()
asked = {}  # path: requests so far


def parse(path, first):
    """The faults of a path, {name: value}, and the file's name."""
    faults = {}
    parts = urllib.parse.unquote(path.split("?")[0]).lstrip("/").split("/")
    applies = True
    while parts:
        name = parts[0]
        if name == "redirect-to":
            if applies:
                faults[name] = "/".join(parts[1:])
                return faults, ""
            break
        if name in WITH_VALUE and len(parts) > 1:
            value = parts[1]
            parts = parts[2:]
        elif name in ALONE or re.fullmatch("[45][0-9][0-9]", name):
            value = True
            parts = parts[1:]
        else:
            break
        if name == "once":
            applies = first
        elif name == "500-then-200":
            if first:
                faults["500"] = True
        elif applies:
            faults[name] = value
    return faults, "/".join(parts)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "faults/1"
    timeout = 300

    def log_message(self, format, *args):
        pass

    def note(self, status, sent):
        line = "%s %s range=%s %d %d\n" % (self.command, self.path, self.headers.get("Range", "-"), status, sent)
        with lock:
            with open(self.server.log, "a", encoding="utf-8") as log:
                log.write(line)

    def answer(self, status, headers=(), body=b""):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.note(status, len(body))

    def validators(self, faults, stat, number):
        etag = '"%x-%x"' % (stat.st_mtime_ns, stat.st_size)
        if "changed-etag" in faults:
            etag = '"%d"' % number
        if "weak-etag" in faults:
            etag = "W/" + etag
        if "no-etag" in faults or "no-validator" in faults:
            etag = None
        modified = None if "no-validator" in faults else self.date_time_string(int(stat.st_mtime))
        return etag, modified

    def span(self, faults, size, etag, modified):
        """What is asked for: status, begin, end; end is one after the last byte."""
        match = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if not match or "no-range" in faults:
            return 200, 0, size
        condition = self.headers.get("If-Range")
        if condition is not None and (condition.startswith("W/") or condition not in (etag, modified)):
            return 200, 0, size
        if match[1] == "":
            return 206, max(0, size - int(match[2])), size
        begin, end = int(match[1]), int(match[2] or size - 1) + 1
        if begin >= size:
            return 416, 0, size
        return 206, begin, min(end, size)

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        with lock:
            number = asked[self.path] = asked.get(self.path, 0) + 1
        faults, name = parse(self.path, number == 1)
        if "late" in faults:
            time.sleep(float(faults["late"]))
        if "auth" in faults:
            want = "Basic " + base64.b64encode(faults["auth"].encode()).decode()
            if self.headers.get("Authorization") != want:
                return self.answer(401, [("WWW-Authenticate", "Basic realm=\"images\"")])
        if "busy" in faults:
            return self.answer(503, [("Retry-After", faults["busy"])])
        for status in faults:
            if re.fullmatch("[45][0-9][0-9]", status):
                return self.answer(int(status), body=b"no\n")
        if "redirect-loop" in faults:
            return self.answer(302, [("Location", self.path)])
        if "redirect" in faults and int(faults["redirect"]) > 0:
            rest = self.path.replace("/redirect/" + faults["redirect"], "/redirect/%d" % (int(faults["redirect"]) - 1))
            return self.answer(302, [("Location", rest)])
        if "redirect-to" in faults:
            return self.answer(302, [("Location", faults["redirect-to"])])
        root = os.path.realpath(self.server.root)
        path = os.path.realpath(os.path.join(root, name))
        if not path.startswith(root + "/") or not os.path.isfile(path):
            return self.answer(404, body=b"no such file\n")
        with open(path, "rb") as file:
            return self.serve(file, faults, number)

    def serve(self, file, faults, number):
        stat = os.fstat(file.fileno())
        etag, modified = self.validators(faults, stat, number)
        status, begin, end = self.span(faults, stat.st_size, etag, modified)
        if status == 416:
            return self.answer(416, [("Content-Range", "bytes */%d" % stat.st_size)])
        shown = begin
        if status == 206 and "wrong-range" in faults:
            begin = min(begin + 1, end)
        self.send_response(status)
        if status == 206:
            self.send_header("Content-Range", "bytes %d-%d/%d" % (begin, end - 1, stat.st_size))
        if "no-range" not in faults:
            self.send_header("Accept-Ranges", "bytes")
        if etag:
            self.send_header("ETag", etag)
        if modified:
            self.send_header("Last-Modified", modified)
        if "encoded" in faults:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Type", "application/octet-stream")
        if "chunked" in faults:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(end - begin + (10 if "wrong-length" in faults else 0)))
        self.end_headers()
        self.sent = 0
        try:
            if self.command != "HEAD":
                self.body(file, begin, end, faults)
        except OSError:
            self.close_connection = True
        finally:
            self.note(status, self.sent)
        if "wrong-length" in faults or shown != begin:
            self.close_connection = True
        return None

    def put(self, data, faults):
        self.connection.sendall(b"%x\r\n" % len(data) + data + b"\r\n" if "chunked" in faults else data)
        self.sent += len(data)

    def body(self, file, begin, end, faults):
        self.wfile.flush()
        size = end - begin
        limit = size
        for name in ("cut", "stall"):
            if name in faults:
                limit = min(limit, int(faults[name]))
        rate = int(faults["trickle"]) if "trickle" in faults else 0
        if not faults.keys() - {"no-range", "plain"} and not isinstance(self.connection, ssl.SSLSocket):
            self.sent = self.connection.sendfile(file, begin, size) if size else 0
            return
        file.seek(begin)
        while self.sent < limit:
            data = file.read(min(BLOCK if not rate else max(1, rate // 10), limit - self.sent))
            if not data:
                break
            self.put(data, faults)
            if rate:
                time.sleep(len(data) / rate)
        if "stall" in faults and self.sent < size:
            self.connection.settimeout(self.timeout)
            self.connection.recv(1)
            self.close_connection = True
        elif "cut" in faults and self.sent < size:
            self.close_connection = True
            # what was sent arrives; then the connection is gone without more ado
            self.connection.shutdown(socket.SHUT_WR)
        elif "chunked" in faults:
            self.connection.sendall(b"0\r\n\r\n")


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def finish_request(self, request, client_address):
        if self.tls:
            # the handshake is the thread's: a client that is slow to it holds up nobody else
            request = self.tls.wrap_socket(request, server_side=True)
        super().finish_request(request, client_address)

    def handle_error(self, request, client_address):
        pass


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", required=True)
    parser.add_argument("--port-file", required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"))
    arguments = parser.parse_args()
    server = Server(("127.0.0.1", 0), Handler)
    server.root, server.log, server.tls = arguments.root, arguments.log, None
    if arguments.tls:
        server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.tls.load_cert_chain(*arguments.tls)
    open(arguments.log, "a", encoding="utf-8").close()
    with open(arguments.port_file + ".new", "w", encoding="utf-8") as port:
        port.write("%d\n" % server.server_port)
    os.rename(arguments.port_file + ".new", arguments.port_file)
    server.serve_forever()


main()
