"""What an ordinary project has: a view of users, and a page that knows who is logged in."""
from django.contrib.auth.models import User
from django.http import JsonResponse
from rest_framework.permissions import DjangoModelPermissions, IsAdminUser
from rest_framework.serializers import ModelSerializer
from rest_framework.viewsets import ModelViewSet


class UserSerializer(ModelSerializer):
    class Meta:
        model = User
        fields = "__all__"


class UserViewSet(ModelViewSet):
    """The contract's operation, as it was before our service."""

    queryset = User.objects.order_by("id")
    serializer_class = UserSerializer
    permission_classes = [IsAdminUser, DjangoModelPermissions]


def whoami(request):
    return JsonResponse({"id": request.user.id, "is_staff": request.user.is_staff})
