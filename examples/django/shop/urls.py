"""The pages: what it sells, and that it is well."""

from django.conf import settings
from django.http import HttpResponse
from django.templatetags.static import static
from django.urls import path

from shop.orders.models import Order


def home(request):
    if request.method == "POST":
        Order.objects.create(item="a book")
    return HttpResponse(f"version {settings.VERSION}\n", content_type="text/plain")


def page(request):
    return HttpResponse(f'<link rel="stylesheet" href="{static("shop.css")}"><h1>{request.build_absolute_uri()}</h1>\n')


def health(request):
    Order.objects.exists()  # a shop without its database is not well
    return HttpResponse("the shop is well\n", content_type="text/plain")


urlpatterns = [path("", home), path("page", page), path("health", health)]
