"""Private messages: the application says who may connect, and who gets what."""

import hashlib
import hmac
import json
import os
import secrets
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

USERS = {"ada": "lovelace", "alan": "turing", "grace": "hopper"}  # keep hashes instead
SECRET = secrets.token_bytes(32)  # sessions end with the process


def sign(text):
    return f"{text}.{hmac.new(SECRET, text.encode(), hashlib.sha256).hexdigest()}"


def user_of(cookies):
    for name, _, value in (cookie.partition("=") for cookie in cookies.split("; ")):
        session = value.rpartition(".")[0]  # NAME.EXPIRES
        if name == "session" and hmac.compare_digest(sign(session).encode(), value.encode()):
            user, expires = session.split(".")
            return user if time.time() < int(expires) else None


def login(form, secure):
    user, password = form.get("name", [""])[0], form.get("password", [""])[0]
    if not hmac.compare_digest(USERS.get(user, "").encode(), password.encode()) or not password:
        return 401, {"error": {"message": "wrong name or password"}}, None
    session = sign(f"{user}.{int(time.time()) + 86400}")
    return 200, {}, f"session={session}; Path=/; HttpOnly; SameSite=Lax{'; Secure' * secure}"


def answer(event, user):
    if event["type"] == "connect" and user:
        return 200, {"data": {"name": user}, "join": [f"user:{user}"], "emit": [{"event": "welcome", "args": [user]}]}
    match event["type"], event["args"]:
        case "connect", _:
            return 401, {"error": {"message": "log in first"}}
        case "event", [str(to), str(text)] if to in USERS and 0 < len(text) <= 2000:
            message = [event["socket"]["data"]["name"], text]  # never the client's word
            return 200, {"emit": [{"event": "private message", "args": message, "to": [f"user:{to}"]}], "ack": ["sent"]}
    return 422, {"error": {"message": "expected somebody's name and a text"}}


class App(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # Caddy keeps its connections

    def do_POST(self):
        body, cookie = self.rfile.read(int(self.headers["Content-Length"])).decode(), None
        if self.path == "/login":
            status, said, cookie = login(parse_qs(body), self.headers["X-Forwarded-Proto"] == "https")
        else:
            status, said = answer(json.loads(body), user_of(self.headers["Cookie"] or ""))
        said = json.dumps(said).encode()
        self.send_response(status)
        for name, value in ("Content-Type", "application/json"), ("Content-Length", len(said)), ("Set-Cookie", cookie):
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(said)


port = int(os.environ.get("PORT", 8081))
print(f"listening on 127.0.0.1:{port}", flush=True)
ThreadingHTTPServer(("127.0.0.1", port), App).serve_forever()
