"""An application of Django that insists on https, as its deployment checklist asks. Prints its port."""

import socketserver
import wsgiref.simple_server

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["shop.test"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="of a test",
    SECURE_SSL_REDIRECT=True,
    SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"),
    USE_X_FORWARDED_HOST=True,
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"],
)
django.setup()

urlpatterns = [
    path("health", lambda request: HttpResponse("well")),
    path("where", lambda request: HttpResponse(request.build_absolute_uri())),
]


class Server(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    daemon_threads = True


class Quiet(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *_):
        pass


server = wsgiref.simple_server.make_server("127.0.0.1", 0, WSGIHandler(), Server, Quiet)
print(server.server_port, flush=True)
server.serve_forever()
