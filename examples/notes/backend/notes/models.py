"""What is kept."""
from django.db import models


class Note(models.Model):
    TEXT_MAX = 2000

    text = models.CharField(max_length=TEXT_MAX)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created", "-id"]

    def as_dict(self):
        return {"id": self.id, "text": self.text, "created": self.created.isoformat()}
