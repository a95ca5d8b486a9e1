# Tokens of a language model: each line of the response is a reply, applied as it arrives.
import json, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from os import environ


def model(question):  # call a real one here; many of them stream their tokens as well
    for word in f"You asked: {question} A real model would have an answer.".split():
        yield f"{word} "
        time.sleep(0.02)


class App(BaseHTTPRequestHandler):
    def do_POST(self):
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.end_headers()
        try:
            for token in model(event["args"][0]):
                self.reply({"emit": [{"event": "token", "args": [token]}]})
            self.reply({"ack": ["done"]})
        except ConnectionError:
            pass  # the user stopped, or has gone

    def reply(self, reply):
        self.wfile.write(json.dumps(reply).encode() + b"\n")

    def log_message(self, *args):
        pass


ThreadingHTTPServer(("127.0.0.1", int(environ.get("PORT", "8081"))), App).serve_forever()
