# Private messages: the application admits users, and chooses the receiver of each message.
import hashlib, hmac, json, os, secrets, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs
from urllib.request import Request, urlopen

USERS = {"ada": "lovelace", "alan": "turing", "grace": "hopper"}  # keep hashes instead
SECRET = secrets.token_bytes(32)  # sessions end with the process
API = os.environ.get("SOCKETIO_API", "http://localhost:2019/socketio")


def emit(event, *args, to):  # at any time, from anywhere in the application
    body = json.dumps({"event": event, "args": args, "to": to}).encode()
    urlopen(Request(f"{API}/emit", body, {"Content-Type": "application/json"}), timeout=5).close()


def sign(text):
    return f"{text}.{hmac.new(SECRET, text.encode(), hashlib.sha256).hexdigest()}"


def user_of(cookies):
    for cookie in cookies.split("; "):  # ours is session=NAME.EXPIRES.SIGNATURE
        text = cookie.rpartition(".")[0]
        if hmac.compare_digest(sign(text).encode(), cookie.encode()):
            user, expires = text.removeprefix("session=").split(".")
            return user if time.time() < int(expires) else None


def login(form, https):
    user, password = form.get("name", [""])[0], form.get("password", [""])[0]
    if not hmac.compare_digest(USERS.get(user, secrets.token_hex()).encode(), password.encode()):
        return 401, {"error": {"message": "wrong name or password"}}, {}
    emit("notice", "You logged in from another browser.", to=[f"user:{user}"])
    session = sign(f"session={user}.{int(time.time()) + 86400}")
    return 200, {}, {"Set-Cookie": f"{session}; Path=/; HttpOnly; SameSite=Lax{'; Secure' * https}"}


def reply_to(event, user):
    match event["type"], event["args"]:
        case "connect", _ if user:
            return 200, {"data": {"name": user}, "join": [f"user:{user}"], "emit": [{"event": "welcome", "args": [user]}]}
        case "connect", _:
            return 401, {"error": {"message": "log in first"}}
        case "event", [str(to), str(text)] if to in USERS and 0 < len(text) <= 2000:
            message = [event["socket"]["data"]["name"], text]  # the sender comes from the session
            return 200, {"emit": [{"event": "private message", "args": message, "to": [f"user:{to}"]}], "ack": ["sent"]}
    return 422, {"error": {"message": "expected a user's name and a text"}}


class App(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # Caddy keeps its connections

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path == "/login":
            status, reply, header = login(parse_qs(body), self.headers["X-Forwarded-Proto"] == "https")
        else:
            status, reply, header = *reply_to(json.loads(body), user_of(self.headers["Cookie"] or "")), {}
        reply = json.dumps(reply).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": len(reply), **header}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply)


print("listening on", address := ("127.0.0.1", int(os.environ.get("PORT", 8081))), flush=True)
ThreadingHTTPServer(address, App).serve_forever()
