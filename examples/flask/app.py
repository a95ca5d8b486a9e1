# Private messages: the application admits users, and chooses the receiver of each message.
import hmac, json, os, secrets
from urllib.request import Request, urlopen

from flask import Flask, request, session

USERS = {"ada": "lovelace", "alan": "turing", "grace": "hopper"}  # keep hashes instead
API = os.environ.get("SOCKETIO_API", "http://localhost:2019/socketio")

app = Flask(__name__)
app.config.update(SECRET_KEY=os.environ.get("SECRET_KEY", secrets.token_hex()), SESSION_COOKIE_SAMESITE="Lax")


def emit(event, *args, to):  # at any time, from anywhere in the application
    body = json.dumps({"event": event, "args": args, "to": to}).encode()
    urlopen(Request(f"{API}/emit", body, {"Content-Type": "application/json"}), timeout=5).close()


@app.post("/login")
def login():
    name, password = request.form.get("name", ""), request.form.get("password", "")
    if not hmac.compare_digest(USERS.get(name, secrets.token_hex()).encode(), password.encode()):
        return {"error": {"message": "wrong name or password"}}, 401
    session["name"] = name
    emit("notice", "You logged in from another browser.", to=[f"user:{name}"])
    return {}


@app.post("/socket")
def socket():
    event, name = request.get_json(), session.get("name")  # with the browser's cookie
    match event["type"], event["args"]:
        case _ if not name:
            return {"error": {"message": "log in first"}}, 401
        case "connect", _:
            return {"join": [f"user:{name}"], "emit": [{"event": "welcome", "args": [name]}]}
        case "event", [str(to), str(text)] if to in USERS and 0 < len(text) <= 2000:
            return {"emit": [{"event": "private message", "args": [name, text], "to": [f"user:{to}"]}], "ack": ["sent"]}
    return {"error": {"message": "expected a user's name and a text"}}, 422


if __name__ == "__main__":
    app.run(port=int(os.environ.get("PORT", 8081)))
