"""The admin, a login, the contract's operation by Django REST Framework, and what the tests ask."""
from django.contrib import admin
from django.contrib.auth.views import LoginView
from django.urls import include, path
from rest_framework.authtoken.views import obtain_auth_token
from rest_framework.routers import DefaultRouter

import probes
from views import UserViewSet, whoami

router = DefaultRouter()
router.register("users", UserViewSet)

urlpatterns = [
    path("django-admin/", admin.site.urls),
    path("login/", LoginView.as_view(template_name="admin/login.html")),
    path("whoami/", whoami),
    path("token/", obtain_auth_token),
    # Where our service has it too.
    path("admin/", include(router.urls)),
    path("probes/", include(probes)),
]
