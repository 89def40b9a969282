"""Paths of the API."""
from django.urls import path

from . import views

urlpatterns = [
    path("healthz", views.health),
    path("api/notes", views.notes),
    path("api/notes/<int:note_id>", views.note),
]
handler404 = views.not_found
