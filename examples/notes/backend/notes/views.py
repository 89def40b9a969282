"""The JSON API: /api/notes and /api/notes/ID, and the health endpoint that Weir asks."""
import json
import os

from django.db import connection
from django.http import HttpResponse, JsonResponse
from django.views.decorators.http import require_http_methods

from .models import Note

SHOWN_MAX = 200


def _answer(data, status=200):
    response = JsonResponse(data, status=status)
    # Which task answered: the front end shows it.
    response["X-Task"] = os.environ.get("WEIR_TASK", "")
    response["Cache-Control"] = "no-store"
    return response


@require_http_methods(["GET", "POST"])
def notes(request):
    if request.method == "GET":
        return _answer({"notes": [note.as_dict() for note in Note.objects.all()[:SHOWN_MAX]]})
    try:
        given = json.loads(request.body)
    except ValueError:
        return _answer({"error": "the body is not JSON"}, 400)
    text = given.get("text") if isinstance(given, dict) else None
    if not isinstance(text, str) or not text.strip():
        return _answer({"error": "a note needs a text"}, 400)
    if len(text) > Note.TEXT_MAX:
        return _answer({"error": f"a note has at most {Note.TEXT_MAX} characters"}, 400)
    return _answer(Note.objects.create(text=text.strip()).as_dict(), 201)


@require_http_methods(["DELETE"])
def note(_request, note_id):
    deleted, _ = Note.objects.filter(id=note_id).delete()
    if not deleted:
        return _answer({"error": "there is no such note"}, 404)
    return HttpResponse(status=204)


def health(_request):
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("ok\n", content_type="text/plain")


def not_found(_request, exception=None):
    return _answer({"error": "not found"}, 404)
