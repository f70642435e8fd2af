"""A shop whose users follow their own orders."""

import base64, hashlib, hmac, json, os, re, threading, time, urllib.request, uuid
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FOLDER = Path(__file__).parent
LIBRARY = FOLDER / "../../libs/client/dist/index.js"
GATEWAY = os.environ.get("HOLDFAST_URL", "http://localhost:8000")
STATES = ("accepted", "packed", "shipped")
SECONDS_PER_STATE = float(os.environ.get("SECONDS_PER_STATE", "2"))

# Signs the cookie of this example. Use the sessions of your framework.
COOKIE_SECRET = os.urandom(32)

orders: dict[str, dict[str, str]] = {}  # the state of each order, by user and id
lock = threading.Lock()


def encode(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def token_for(user: str) -> str:
    header = {"alg": "HS256", "typ": "JWT"}
    claims = {"sub": user, "exp": int(time.time()) + 600, "channels": [f"orders:{user}"]}
    content = ".".join(encode(json.dumps(part).encode()) for part in (header, claims))
    signature = hmac.new(os.environ["HOLDFAST_JWT_SECRET"].encode(), content.encode(), hashlib.sha256)
    return f"{content}.{encode(signature.digest())}"


def publish(channel: str, data: object, key: str) -> None:
    request = urllib.request.Request(
        f"{GATEWAY}/api/publish",
        json.dumps({"channel": channel, "data": data, "key": key}).encode(),
        {"Authorization": f"Bearer {os.environ['GATEWAY_API_KEY']}", "Content-Type": "application/json"},
    )
    # The key makes repeating harmless: what was stored is not stored again.
    for attempt in range(5):
        try:
            urllib.request.urlopen(request, timeout=10).close()
            return
        except OSError as error:
            print(f"not published, attempt {attempt + 1}: {error}", flush=True)
            time.sleep(2**attempt / 2)


def work_on(user: str, order: str) -> None:
    for state in STATES:
        with lock:
            orders[user][order] = state
        publish(f"orders:{user}", {"id": order, "state": state}, f"{order}-{state}")
        time.sleep(SECONDS_PER_STATE)


def signed(user: str) -> str:
    return f"{user}.{hmac.new(COOKIE_SECRET, user.encode(), hashlib.sha256).hexdigest()}"


class Shop(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def user(self) -> str | None:
        cookie = SimpleCookie(self.headers.get("Cookie", "")).get("user")
        user = cookie.value.split(".")[0] if cookie else ""
        return user if cookie and hmac.compare_digest(cookie.value, signed(user)) else None

    def do_GET(self) -> None:
        if self.path.partition("?")[0] == "/":
            return self.answer(200, (FOLDER / "index.html").read_bytes(), "text/html")
        if self.path == "/holdfast.js":
            return self.answer(200, LIBRARY.read_bytes(), "text/javascript")
        if self.path not in ("/token", "/orders"):
            return self.answer(404)
        if self.user is None:
            return self.answer(401)
        if self.path == "/token":
            return self.answer(200, token_for(self.user).encode())
        with lock:
            text = json.dumps({"user": self.user, "orders": orders.get(self.user, {})})
        self.answer(200, text.encode(), "application/json")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if self.path == "/sign-in":
            if not re.fullmatch(r"[a-z]{1,20}", body):
                return self.answer(400)
            return self.answer(204, cookie=f"user={signed(body)}; HttpOnly; SameSite=Lax")
        if self.path != "/orders" or self.user is None:
            return self.answer(401 if self.path == "/orders" else 404)
        order = uuid.uuid4().hex[:8]
        with lock:
            orders.setdefault(self.user, {})[order] = "new"
        threading.Thread(target=work_on, args=(self.user, order), daemon=True).start()
        self.answer(202)

    def answer(self, status: int, body: bytes = b"", kind: str = "text/plain", cookie: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Cache-Control", "no-store")
        if cookie is not None:
            self.send_header("Set-Cookie", cookie)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """No line for each request."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "5173"))), Shop)
    print(f"http://localhost:{server.server_port}", flush=True)
    server.serve_forever()
