# Private messages: the application admits users, and chooses the receiver of each message.
# A whole project in one file: the views are like in yours, the settings are the shortest.
import hmac, json, os, secrets
from urllib.request import Request, urlopen

from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

USERS = {"ada": "lovelace", "alan": "turing", "grace": "hopper"}  # use django.contrib.auth instead
API = os.environ.get("SOCKETIO_API", "http://localhost:2019/socketio")

settings.configure(
    ROOT_URLCONF=__name__,
    SECRET_KEY=os.environ.get("SECRET_KEY", secrets.token_hex()),
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.csrf.CsrfViewMiddleware"],
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
)


def emit(event, *args, to):  # at any time, from anywhere in the application
    body = json.dumps({"event": event, "args": args, "to": to}).encode()
    urlopen(Request(f"{API}/emit", body, {"Content-Type": "application/json"}), timeout=5).close()


@csrf_exempt  # the page has no form of Django's
@require_POST
def login(request):
    name, password = request.POST.get("name", ""), request.POST.get("password", "")
    if not hmac.compare_digest(USERS.get(name, secrets.token_hex()).encode(), password.encode()):
        return JsonResponse({"error": {"message": "wrong name or password"}}, status=401)
    request.session["name"] = name
    emit("notice", "You logged in from another browser.", to=[f"user:{name}"])
    return JsonResponse({})


@csrf_exempt  # Caddy sends the requests, with the browser's cookie
@require_POST
def socket(request):
    event, name = json.loads(request.body), request.session.get("name")
    match event["type"], event["args"]:
        case _ if not name:
            return JsonResponse({"error": {"message": "log in first"}}, status=401)
        case "connect", _:
            return JsonResponse({"join": [f"user:{name}"], "emit": [{"event": "welcome", "args": [name]}]})
        case "event", [str(to), str(text)] if to in USERS and 0 < len(text) <= 2000:
            message = {"event": "private message", "args": [name, text], "to": [f"user:{to}"]}
            return JsonResponse({"emit": [message], "ack": ["sent"]})
    return JsonResponse({"error": {"message": "expected a user's name and a text"}}, status=422)


urlpatterns = [path("login", login), path("socket", socket)]

if __name__ == "__main__":
    execute_from_command_line(["app.py", "runserver", "--noreload", f"127.0.0.1:{os.environ.get('PORT', 8081)}"])
