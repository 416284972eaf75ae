"""What was sold, and what the customer asked for besides."""

from django.db import models


class Order(models.Model):
    item = models.CharField(max_length=100)
    note = models.CharField(max_length=100, null=True)  # the running version writes rows without it
