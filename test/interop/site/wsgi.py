"""What gunicorn serves: the project, and the static files of Django's admin."""
import os

from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
application = StaticFilesHandler(get_wsgi_application())
