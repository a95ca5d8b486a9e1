import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


# A model that repeats the prompt, word by word.
def generate(prompt):
    for word in prompt.split(" "):
        time.sleep(0.002)
        yield word


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.end_headers()
        for token in generate(event["args"][0]):
            self.write({"emit": [{"event": "token", "args": [token]}]})
        self.write({"ack": [{"done": True}]})

    def write(self, reply):
        self.wfile.write(json.dumps(reply).encode() + b"\n")


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
