import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
from uuid import uuid4

lobbies = {}


def announce(lobby):
    return {"event": "lobby", "args": [lobby], "to": [lobby["code"]], "include_sender": True}


def enter(me, lobby, name):
    lobby["players"].append({"id": me, "name": name, "ready": False})
    return {"join": [lobby["code"]], "emit": [announce(lobby)], "ack": [{"code": lobby["code"]}]}


def remove(player, lobby):
    lobby["players"] = [p for p in lobby["players"] if p["id"] != player]
    if not lobby["players"]:
        del lobbies[lobby["code"]]
    elif lobby["host"] == player:
        lobby["host"] = lobby["players"][0]["id"]


def fail(message):
    return {"ack": [{"error": message}]}


def handle(event, me, args):
    lobby = next((l for l in lobbies.values() if any(p["id"] == me for p in l["players"])), None)
    match event:
        case "create" | "join" if lobby:
            return fail("you are in a lobby")
        case "create":
            code = str(uuid4())
            lobbies[code] = {"code": code, "size": args[1], "host": me, "started": False, "players": []}
            return enter(me, lobbies[code], args[0])
        case "join":
            lobby = lobbies.get(args[0])
            if not lobby:
                return fail("no such lobby")
            if lobby["started"]:
                return fail("started")
            if len(lobby["players"]) >= lobby["size"]:
                return fail("full")
            return enter(me, lobby, args[1])
        case "ready" if lobby:
            next(p for p in lobby["players"] if p["id"] == me)["ready"] = args[0]
            return {"emit": [announce(lobby)]}
        case "start":
            if not lobby or lobby["host"] != me:
                return fail("only the host starts")
            if not all(p["ready"] for p in lobby["players"]):
                return fail("not everyone is ready")
            lobby["started"] = True
            return {"emit": [announce(lobby)], "ack": [{"started": True}]}
        case "kick":
            if not lobby or lobby["host"] != me:
                return fail("only the host kicks")
            if not any(p["id"] == args[0] for p in lobby["players"]):
                return fail("no such player")
            remove(args[0], lobby)
            return {
                "sockets": [{"in": [args[0]], "leave": [lobby["code"]]}],
                "emit": [{"event": "kicked", "to": [args[0]], "include_sender": True}, announce(lobby) | {"except": [args[0]]}],
                "ack": [{"kicked": args[0]}],
            }
        case "leave" | "disconnect" if lobby:
            remove(me, lobby)
            return {"leave": [lobby["code"]], "emit": [announce(lobby)]}
    return {}


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        reply = handle(body.get("event", body["type"]), body["socket"]["id"], body.get("args"))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(reply).encode())


HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
