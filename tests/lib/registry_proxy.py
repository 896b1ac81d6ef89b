#!/usr/bin/env python3
"""A proxy before a registry: registry_proxy.py PORT UPSTREAM LOG [token=1] [redirect=HOST:PORT] [cuts=N] [hang=1]

It asks for a token, redirects blobs to another origin, cuts N answers off, or hangs in one. Writes a line per request to
LOG: METHOD PATH authorization range.
"""

import base64, http.client, http.server, json, os, sys, threading, time

port, upstream, log = int(sys.argv[1]), sys.argv[2], open(sys.argv[3], "a", buffering=1)
mode = dict(a.split("=", 1) for a in sys.argv[4:])
state = {"cuts": int(mode.get("cuts", 0))}

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, headers, body=b""):
        self.send_response(status)
        for k, v in headers.items():
            self.send_header(k, v)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        authorization = self.headers.get("Authorization", "none").split(" ")[0]
        log.write(f"{self.command} {self.path} {authorization} {self.headers.get('Range', 'whole')}\n")
        blob = "/blobs/" in self.path
        if self.path.startswith("/token"):
            if self.headers.get("Authorization") != "Basic " + base64.b64encode(b"jo:sesame").decode():
                return self.answer(401, {})
            return self.answer(200, {}, json.dumps({"token": "good-token"}).encode())
        if "token" in mode and self.headers.get("Authorization") != "Bearer good-token":
            return self.answer(401, {"WWW-Authenticate":
                f'Bearer realm="http://127.0.0.1:{port}/token",service="test",scope="repository:test/app:pull"'})
        if blob and "redirect" in mode:
            return self.answer(307, {"Location": f"http://{mode['redirect']}{self.path}"})
        connection = http.client.HTTPConnection(upstream)
        headers = {k: v for k, v in self.headers.items() if k in ("Accept", "Range")}
        connection.request("GET", self.path, headers=headers)
        response = connection.getresponse()
        body = response.read()
        self.send_response(response.status)
        for k, v in response.getheaders():
            if k.lower() not in ("transfer-encoding", "connection"):
                self.send_header(k, v)
        self.end_headers()
        if blob and len(body) > 500000 and state["cuts"] > 0:
            state["cuts"] -= 1
            self.wfile.write(body[:500000])
            self.close_connection = True
            return
        if blob and len(body) > 500000 and "hang" in mode:
            self.wfile.write(body[:500000])
            self.wfile.flush()
            time.sleep(600)
        self.wfile.write(body)

http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
