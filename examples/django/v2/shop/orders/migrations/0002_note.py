"""Expands: a column that the running version does not know, and does not have to."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0001_order")]
    operations = [migrations.AddField("order", "note", models.CharField(max_length=100, null=True))]
